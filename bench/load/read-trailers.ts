import { connect, type IncomingHttpHeaders } from "node:http2";
import { Duplex } from "node:stream";
import { END_HEADERS, END_STREAM, FrameType, frame, settings } from "./frames.ts";

/** The last headers of an answer, packed as they came. */
export interface Trailers {
  readonly block: Buffer;
  /** Whether they are the only ones, as they are when a server only refuses. */
  readonly alone: boolean;
}

/** `:status: 200`, of HPACK's own table. */
const STATUS_200 = Buffer.from([0x88]);

/**
 * Unpacks headers by a Node HTTP/2 session that is shown an answer made of them. Right only for a peer that was told to remember no
 * headers; too slow for each call.
 *
 * @throws Error if they are not headers
 */
export async function readTrailers({ block, alone }: Trailers): Promise<IncomingHttpHeaders> {
  const wire = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  const session = connect("http://localhost", { createConnection: () => wire });
  try {
    return await new Promise((resolve, reject) => {
      session.on("error", reject);
      const stream = session.request();
      stream.on("error", reject);
      stream.on(alone ? "response" : "trailers", resolve);
      stream.on("close", () => reject(new Error("these headers cannot be read")));
      session.once("connect", () => {
        wire.push(settings({}));
        if (!alone) wire.push(frame(FrameType.HEADERS, END_HEADERS, 1, STATUS_200));
        wire.push(frame(FrameType.HEADERS, END_HEADERS | END_STREAM, 1, block));
      });
      stream.resume();
    });
  } finally {
    session.destroy();
  }
}
