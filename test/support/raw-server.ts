import { createServer, type Socket } from "node:net";

/** A server that does with each connection what it is told, and counts them. */
export interface RawServer {
  readonly port: number;
  readonly connections: () => number;
  close(): Promise<void>;
}

export async function startRawServer(serve: (socket: Socket) => void): Promise<RawServer> {
  const open = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    open.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => open.delete(socket));
    serve(socket);
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const address = server.address();
  return {
    port: typeof address === "object" && address ? address.port : 0,
    connections: () => connections,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        for (const socket of open) socket.destroy();
      }),
  };
}

/** An HTTP answer as it goes over the wire. */
export function httpAnswer(
  body: string | Buffer,
  { status = "200 OK", type = "application/json", more = "" } = {},
): Buffer {
  const bytes = Buffer.from(body);
  const head = `HTTP/1.1 ${status}\r\ncontent-type: ${type}\r\ncontent-length: ${bytes.length}\r\n${more}\r\n`;
  return Buffer.concat([Buffer.from(head), bytes]);
}

/** Answers every request with these bytes. */
export function answers(bytes: Buffer): (socket: Socket) => void {
  return (socket) => void socket.on("data", () => socket.write(bytes));
}
