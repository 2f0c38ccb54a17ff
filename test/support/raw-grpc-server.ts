import { once } from "node:events";
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";

/** What a server does with a call. */
export type ServeStream = (stream: ServerHttp2Stream, session: ServerHttp2Session) => void;

/** A server that speaks HTTP/2 and leaves the rest to the test. */
export async function startRawGrpcServer(
  serve: ServeStream,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createServer();
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => undefined);
  });
  server.on("sessionError", () => undefined);
  server.on("stream", (stream) => {
    stream.on("error", () => undefined);
    serve(stream, stream.session as ServerHttp2Session);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `grpc://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      for (const session of sessions) session.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

export const GRPC_HEADERS = { ":status": 200, "content-type": "application/grpc+proto" };

/** A message as it is framed. */
export function frame(bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** Answers with headers, these parts and these trailers; undefined: none. */
export function answerParts(
  stream: ServerHttp2Stream,
  parts: readonly Buffer[],
  trailers: Readonly<Record<string, string>> | undefined,
): void {
  stream.respond(GRPC_HEADERS, { waitForTrailers: trailers !== undefined });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers ?? {}));
  for (const part of parts) stream.write(part);
  stream.end();
}

/** Answers with nothing but a status. */
export function answerStatus(code: string, message = ""): ServeStream {
  return (stream) =>
    stream.respond({ ...GRPC_HEADERS, "grpc-status": code, "grpc-message": message }, { endStream: true });
}
