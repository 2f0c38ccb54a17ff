import { setTimeout as sleep } from "node:timers/promises";
import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { grpcMethod } from "./grpc-method.ts";
import { ReplayError } from "./replay-error.ts";
import { reasonOf } from "./status-detail.ts";

/** Longer than the sidecar lets any call take. */
const CALL_DEADLINE_MS = 35_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1000;

export interface DispatcherClientOptions {
  /** `host:port` or `unix:///path`. */
  readonly address: string;
  /** How long a call goes on trying while the sidecar cannot answer it. */
  readonly waitMs: number;
  /** Told when a call starts to wait, and why. */
  readonly onTrouble: (message: string) => void;
}

/**
 * A client of a sidecar that may stop and come back at any time: what could not be answered is asked again. All calls must be safe
 * to repeat, so an Execute needs a request id.
 */
export class DispatcherClient {
  readonly #client: Client;
  readonly #options: DispatcherClientOptions;
  readonly #closed = new AbortController();

  constructor(options: DispatcherClientOptions) {
    this.#options = options;
    this.#client = new Client(options.address, credentials.createInsecure(), {
      // A restarted sidecar is found again soon, not after grpc-js's two minutes.
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 1000,
      // A page of events carries all their evaluations.
      "grpc.max_receive_message_length": 64 * 1024 * 1024,
    });
  }

  /** Calls until there is an answer. Throws a ReplayError for a refusal, or when the wait is over. */
  async call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>> {
    let giveUpAt: number | undefined;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      try {
        return await this.#callOnce(method, request);
      } catch (error) {
        const failure = error as ServiceError;
        const message = `${method.name} at ${this.#options.address}: ${failure.details || failure.message}`;
        giveUpAt ??= performance.now() + this.#options.waitMs;
        if (!mayBeRepeated(failure) || performance.now() + pauseMs > giveUpAt) {
          throw new ReplayError(message, { cause: error });
        }
        this.#options.onTrouble(message);
        await sleep(pauseMs * (0.5 + Math.random() / 2), undefined, { signal: this.#closed.signal });
      }
    }
  }

  /** Ends calls that still wait, too. */
  close(): void {
    this.#closed.abort();
    this.#client.close();
  }

  #callOnce<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>> {
    const { path, requestSerialize, responseDeserialize } = grpcMethod(method);
    const deadline = Date.now() + CALL_DEADLINE_MS;
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        { deadline },
        (error, answer) => (error ? reject(error) : resolve(answer as MessageShape<O>)),
      );
    });
  }
}

function mayBeRepeated(error: ServiceError): boolean {
  switch (error.code) {
    case status.UNAVAILABLE:
    case status.DEADLINE_EXCEEDED:
    case status.ABORTED:
      return true;
    // From the sidecar they are final; without a reason they are grpc-js's words for a connection that broke.
    case status.INTERNAL:
    case status.CANCELLED:
    case status.UNKNOWN:
      return reasonOf(error) === undefined;
    default:
      return false;
  }
}
