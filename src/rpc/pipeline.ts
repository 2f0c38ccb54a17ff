import { randomUUID } from "node:crypto";
import type {
  DescMessage,
  DescMethodServerStreaming,
  DescMethodUnary,
  Message,
  MessageInitShape,
} from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { Refusal } from "../domain/refusal.ts";
import type { Log } from "../observability/log.ts";
import type { Listener, Metrics } from "../observability/metrics.ts";
import { codeName } from "./code-name.ts";
import { isTold, toConnectError } from "./errors.ts";
import type { LiveCall } from "./live-call.ts";
import { createRequestCheck } from "./request-check.ts";
import { nameOf, type StreamHandler, type UnaryHandler } from "./served-method.ts";
import type { MountedService } from "./service.ts";

/** How one listener reads requests and writes answers. */
export interface Wire<In, Out> {
  readonly listener: Listener;
  decode(method: DescMethodUnary | DescMethodServerStreaming, input: In): Message;
  encode(method: DescMethodUnary | DescMethodServerStreaming, answer: AnswerInit): Out;
}

/** What a handler of the method's type gives, which only the types of `mount` know. */
export type AnswerInit = MessageInitShape<DescMessage>;

/**
 * What every call goes through, whichever listener it came in by: the gate, its checks, its handler, and one place where
 * errors become what a caller is told. Whatever it throws is a ConnectError.
 */
export interface Pipeline {
  readonly services: readonly MountedService[];
  unary<In, Out>(
    method: DescMethodUnary,
    handler: UnaryHandler,
    wire: Wire<In, Out>,
  ): (input: In, call: LiveCall) => Promise<Out>;
  serverStreaming<In, Out>(
    method: DescMethodServerStreaming,
    handler: StreamHandler,
    wire: Wire<In, Out>,
  ): (input: In, call: LiveCall) => AsyncGenerator<Out, void, undefined>;
  /** Resolves when the handlers that run now have ended, those too whose callers have gone. */
  idle(): Promise<void>;
  /** What a caller is told about a call that a listener refused before it was one. Logged and counted. */
  refuse(listener: Listener, method: string, refusal: Refusal): ConnectError;
}

export interface PipelineOptions {
  readonly services: readonly MountedService[];
  /** Why no call is accepted now (the sidecar starts or stops), or nothing. */
  readonly gate: () => Refusal | undefined;
  readonly log: Log;
  readonly metrics: Metrics;
}

export function createPipeline({ services, gate, log, metrics }: PipelineOptions): Pipeline {
  const inputs = services.flatMap((service) => service.descriptor.methods.map((method) => method.input));
  const check = createRequestCheck(new Set(inputs));

  function admit<In, Out>(
    method: DescMethodUnary | DescMethodServerStreaming,
    wire: Wire<In, Out>,
    input: In,
    call: LiveCall,
  ): never {
    const closed = gate();
    if (closed) throw closed;
    const request = wire.decode(method, input);
    check(method.input, request, call.requestBytes);
    call.throwIfOver();
    // The descriptor that decoded it is the one that the handler was mounted for.
    return request as never;
  }

  const handlers = new Set<Promise<unknown>>();

  /** A handler goes on when nobody waits for its answer any more: a stop waits for it, and its errors are not lost. */
  function running<T>(method: string, call: LiveCall, handler: Promise<T>): Promise<T> {
    handlers.add(handler);
    handler
      .catch((error: unknown) => {
        if (call.isEnded && !isTold(error))
          log.error({ err: error, method }, "internal error after the call");
      })
      .finally(() => handlers.delete(handler));
    return handler;
  }

  /** Follows one call and tells log and metrics of its end, once. */
  function follow(listener: Listener, method: string) {
    const startedMs = performance.now();
    let isOver = false;
    metrics.callStarted(listener);

    const end = (code: string, reason?: string) => {
      if (isOver) return;
      isOver = true;
      const durationMs = performance.now() - startedMs;
      metrics.callEnded(listener, method, code, durationMs / 1000);
      if (log.isLevelEnabled("debug")) log.debug({ listener, method, code, reason, durationMs }, "call");
    };
    return {
      succeeded: () => end("OK"),
      abandoned: () => end("CANCELLED", "CANCELLED"),
      failed(error: unknown): ConnectError {
        const requestId = randomUUID();
        const told = toConnectError(error, requestId);
        if (!isTold(error)) log.error({ err: error, requestId, listener, method }, "internal error");
        end(codeName(told.code), isTold(error) ? error.reason : "INTERNAL");
        return told;
      },
    };
  }

  return {
    services,

    unary(method, handler, wire) {
      const name = nameOf(method);
      return async (input, call) => {
        const progress = follow(wire.listener, name);
        try {
          const request = admit(method, wire, input, call);
          const answer = await call.whileAwaited(running(name, call, handler(request, call)));
          const output = wire.encode(method, answer as AnswerInit);
          progress.succeeded();
          return output;
        } catch (error) {
          throw progress.failed(error);
        } finally {
          call.markAnswered();
        }
      };
    },

    serverStreaming(method, handler, wire) {
      const name = nameOf(method);
      return async function* (input, call) {
        const progress = follow(wire.listener, name);
        let answers: AsyncIterator<unknown> | undefined;
        try {
          const request = admit(method, wire, input, call);
          answers = handler(request, call)[Symbol.asyncIterator]();
          for (;;) {
            const next = await call.whileAwaited(answers.next());
            if (next.done) break;
            yield wire.encode(method, next.value as AnswerInit);
            // A stream that goes on for long does not hold up a stop.
            if (gate()) throw endOfStream();
          }
          call.markAnswered();
          progress.succeeded();
        } catch (error) {
          throw progress.failed(error);
        } finally {
          // Still running if the reader left before the end.
          progress.abandoned();
          call.abandon();
          // Not awaited here: a handler that does not listen to its signal may never come back. A stop waits for it.
          const left = answers?.return?.();
          if (left) running(name, call, left).catch(() => undefined);
        }
      };
    },

    idle: () => Promise.allSettled(handlers).then(() => undefined),

    refuse: (listener, method, refusal) => follow(listener, method).failed(refusal),
  };
}

function endOfStream(): Refusal {
  return new Refusal(
    "NOT_READY",
    "The sidecar is stopping, and ends its streams. Begin again at one that serves.",
    {
      metadata: { why: "stopping" },
      retryAfterMs: 1000,
    },
  );
}
