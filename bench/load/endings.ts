import { constants } from "node:http2";
import { status } from "@grpc/grpc-js";
import { readTrailers, type Trailers } from "./read-trailers.ts";

/** How a call ended. */
export interface Ending {
  readonly hasMessage: boolean;
  /** Undefined if the server reset the stream. */
  readonly trailers?: Trailers;
  readonly resetCode?: number;
}

interface Alike {
  readonly ending: Ending;
  calls: number;
}

const { HTTP2_HEADER_STATUS } = constants;
const MOST_TOLD = 5;

/** How the calls of a run ended. A server packs the same headers alike each time: they are read once, after the run. */
export class Endings {
  readonly #seen = new Map<string, Alike>();

  add(ending: Ending): void {
    const { hasMessage, trailers, resetCode } = ending;
    const look = trailers ? `${hasMessage} ${trailers.block.toString("latin1")}` : `${resetCode}`;
    const alike = this.#seen.get(look);
    if (alike) alike.calls += 1;
    else this.#seen.set(look, { ending, calls: 1 });
  }

  /** Tells of calls that failed; undefined if none did. */
  async failure(): Promise<string | undefined> {
    let calls = 0;
    let failed = 0;
    const messages = new Set<string>();
    for (const alike of this.#seen.values()) {
      calls += alike.calls;
      const message = await failureOf(alike.ending).catch((error: Error) => error.message);
      if (message === undefined) continue;
      failed += alike.calls;
      messages.add(message);
    }
    if (failed === 0) return undefined;
    const told = [...messages].slice(0, MOST_TOLD).join("; ");
    return `${failed} of ${calls} calls failed, such as: ${told}`;
  }
}

async function failureOf({ hasMessage, trailers, resetCode }: Ending): Promise<string | undefined> {
  if (!trailers) return `the stream was reset (${resetCode})`;
  const headers = await readTrailers(trailers);
  const code = headers["grpc-status"];
  if (code === undefined) return `no gRPC status, HTTP ${headers[HTTP2_HEADER_STATUS] ?? 200}`;
  if (code === `${status.OK}`) return hasMessage ? undefined : "a success without a message";
  return `${code} ${status[Number(code)] ?? "(unknown)"}: ${decodeURIComponent(`${headers["grpc-message"] ?? ""}`)}`;
}
