import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type HandleTransitionRequest,
  HandleTransitionRequestSchema,
} from "../../gen/ts/dispatcher/callback/v1/callback_service_pb.ts";
import type { CallbackClient, DeliveryResult } from "../../src/outbound/callback-client.ts";

/** One effect as it came. */
export interface ReceivedEffect {
  readonly request: HandleTransitionRequest;
  readonly bytes: Buffer;
}

/** What the receiver does with an effect. */
export type Reaction =
  | { readonly kind: "done" }
  | {
      readonly kind: "error";
      readonly message: string;
      readonly httpStatus?: number;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Answers nothing before `release`. */
  | { readonly kind: "hang" };

export interface EffectReceiver {
  /** What to register as the endpoint. */
  readonly url: string;
  /** Every effect so far, in the order it came. */
  readonly calls: ReceivedEffect[];
  /** Has all calls that hang answered, "done". */
  release(): void;
  /** Ends at once, with all its connections. */
  stop(): Promise<void>;
}

/** An application that receives effects. */
export async function startReceiver(
  react: (effect: ReceivedEffect) => Reaction | Promise<Reaction> = () => ({ kind: "done" }),
  { port = 0 }: { readonly port?: number } = {},
): Promise<EffectReceiver> {
  const calls: ReceivedEffect[] = [];
  const released = Promise.withResolvers<void>();
  const server = createServer(async (request, response) => {
    const bytes = await buffer(request);
    const received = { request: fromBinary(HandleTransitionRequestSchema, bytes), bytes };
    calls.push(received);
    const reaction = await react(received);
    if (reaction.kind === "hang") await released.promise;
    if (reaction.kind === "error") response.writeHead(reaction.httpStatus ?? 500, reaction.headers);
    response.end(reaction.kind === "error" ? reaction.message : "");
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(port, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    release: released.resolve,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Delivers to such receivers. */
export function openCallbackClient(): CallbackClient {
  return {
    async deliver(endpoint, { body, fencingToken }, { signal, defaultTimeoutMs }) {
      const request = fromBinary(HandleTransitionRequestSchema, body);
      request.fencingToken = BigInt(fencingToken);
      const timeout = AbortSignal.timeout(endpoint.timeoutMs ?? defaultTimeoutMs);
      try {
        const response = await fetch(endpoint.url, {
          method: "POST",
          body: Buffer.from(toBinary(HandleTransitionRequestSchema, request)),
          signal: AbortSignal.any([signal, timeout]),
        });
        return resultOf(response, await response.text());
      } catch (error) {
        const isRefused = JSON.stringify((error as Error).cause ?? "").includes("ECONNREFUSED");
        return isRefused
          ? { kind: "failed", reason: "UNREACHABLE", message: `${endpoint.url} refused the connection` }
          : { kind: "unanswered", reason: "TIMEOUT", message: `${endpoint.url} did not answer` };
      }
    },
    close: async () => undefined,
  };
}

function resultOf({ ok, status, headers }: Response, message: string): DeliveryResult {
  if (ok) return { kind: "done" };
  const retryAfter = headers.get("retry-after");
  return {
    kind: "failed",
    reason: status < 500 ? "REFUSED" : "FAILED",
    message,
    retryAfterMs: retryAfter === null ? undefined : Number(retryAfter) * 1000,
  };
}
