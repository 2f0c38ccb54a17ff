import { connect, createServer, type Socket } from "node:net";

export interface CuttingProxy {
  /** The database's address by way of the proxy. */
  readonly url: string;
  /** How many answers were cut. */
  readonly cuts: () => number;
  /** Cuts the connection instead of handing on the answer to the next statement that contains the text. */
  cutAnswerTo(text: string): void;
  close(): void;
}

/** A wire to PostgreSQL that loses an answer on demand: the statement is carried out, and nobody is told. */
export async function startCuttingProxy(databaseUrl: string): Promise<CuttingProxy> {
  const target = new URL(databaseUrl);
  const open = new Set<Socket>();
  let wanted: string | undefined;
  let cuts = 0;

  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    let isCut = false;
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => open.delete(socket));
    }
    client.on("data", (data) => {
      if (wanted !== undefined && data.includes(wanted)) {
        wanted = undefined;
        isCut = true;
      }
      upstream.write(data);
    });
    upstream.on("data", (data) => {
      if (!isCut) {
        client.write(data);
        return;
      }
      cuts += 1;
      client.destroy();
      upstream.destroy();
    });
    client.on("close", () => upstream.end());
    upstream.on("close", () => client.end());
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));

  const address = server.address();
  const url = new URL(databaseUrl);
  url.port = String(typeof address === "object" ? address?.port : "");
  return {
    url: url.href,
    cuts: () => cuts,
    cutAnswerTo(text) {
      wanted = text;
    },
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}
