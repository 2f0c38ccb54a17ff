import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Client, ConnectError } from "@connectrpc/connect";
import { expect } from "vitest";
import type { ChainEvent } from "../../gen/ts/dispatcher/v1/chain_event_pb.ts";
import type {
  DispatcherService,
  WatchChainEventsRequestSchema,
} from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";

/** A reader of the stream of events, which takes all that comes. */
export interface Watcher {
  readonly events: readonly ChainEvent[];
  /** Of each of the events. */
  readonly cursors: readonly string[];
  /** Messages without an event. */
  readonly heartbeats: number;
  /** Of the last message. */
  readonly cursor: string;
  /** How the stream ended, by an error of either side. */
  readonly ended: Promise<ConnectError>;
  /** Resolves when the stream has begun: what is committed from now on is in it. */
  readonly begun: Promise<void>;
  /** Waits until so many events have come. */
  reach(count: number): Promise<void>;
  /** Goes away. */
  stop(): Promise<void>;
}

export function watch(
  client: Client<typeof DispatcherService>,
  request: MessageInitShape<typeof WatchChainEventsRequestSchema> = {},
): Watcher {
  const leaving = new AbortController();
  const begun = Promise.withResolvers<void>();
  const events: ChainEvent[] = [];
  const cursors: string[] = [];
  let heartbeats = 0;
  let cursor = request.cursor ?? "";
  const read = async () => {
    for await (const message of client.watchChainEvents(request, { signal: leaving.signal })) {
      ({ cursor } = message);
      if (message.event) {
        events.push(message.event);
        cursors.push(cursor);
      } else heartbeats += 1;
      begun.resolve();
    }
    throw new Error("the stream ended without an error");
  };
  const ended = read().catch((error: unknown) => ConnectError.from(error));
  void ended.then((error) => begun.reject(error));
  begun.promise.catch(() => undefined);
  return {
    events,
    cursors,
    get heartbeats() {
      return heartbeats;
    },
    get cursor() {
      return cursor;
    },
    ended,
    begun: begun.promise,
    reach: (count) => expect.poll(() => events.length).toBeGreaterThanOrEqual(count),
    async stop() {
      leaving.abort();
      await ended;
    },
  };
}
