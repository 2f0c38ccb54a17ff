import type { MessageInitShape } from "@bufbuild/protobuf";
import type { WatchChainEventsResponseSchema } from "../../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import type { EventFeed } from "../../engine/event-feed.ts";
import type { Registry } from "../../engine/registry.ts";
import { type WatchCommand, type Watched, watchEvents } from "../../engine/watch-events.ts";
import type { Call } from "../call.ts";
import { chainEventToProto } from "../convert/chain-event.ts";
import { endingSlowReaders } from "../slow-reader.ts";

/** Default: what the API promises. */
export interface WatchTimes {
  readonly heartbeatMs?: number;
  readonly patienceMs?: number;
}

export async function* watchChainEvents(
  parts: { readonly feed: EventFeed; readonly registry: Registry },
  command: WatchCommand,
  call: Call,
  { heartbeatMs, patienceMs }: WatchTimes = {},
): AsyncGenerator<MessageInitShape<typeof WatchChainEventsResponseSchema>, void, undefined> {
  const watched = watchEvents(parts, command, call.signal, heartbeatMs);
  for await (const { event, cursor } of endingSlowReaders<Watched>(watched, call, patienceMs)) {
    yield event ? { event: chainEventToProto(event), cursor } : { cursor };
  }
}
