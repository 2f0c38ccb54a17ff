import { connect, createServer, type Socket } from "node:net";

/** A wire to PostgreSQL with a fault on demand, at a named point of one statement. */
export interface WireProxy {
  /** The database's address by way of the proxy. */
  readonly url: string;
  /** How many answers were cut. */
  readonly cuts: () => number;
  /** Cuts the connection instead of handing on the answer to the next statement that contains the text: it is carried out, and nobody is told. */
  cutAnswerTo(text: string): void;
  /** Cuts the connection instead of handing on the next statement that contains the text: it is never carried out, and nobody is told. */
  cutBefore(text: string): void;
  /** Holds the next statement that contains the text; resolves once it is there. It is never handed on. */
  holdStatement(text: string): Promise<void>;
  /** Holds the answer to the next statement that contains the text; resolves once it is there, so that it has been carried out. */
  holdAnswerTo(text: string): Promise<void>;
  close(): void;
}

type Fault = "cut statement" | "cut answer" | "hold statement" | "hold answer";

interface Wanted {
  readonly text: string;
  readonly fault: Fault;
  readonly reached: () => void;
}

export async function startWireProxy(databaseUrl: string): Promise<WireProxy> {
  const target = new URL(databaseUrl);
  const open = new Set<Socket>();
  let wanted: Wanted | undefined;
  let cuts = 0;

  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    let hit: Wanted | undefined;
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => open.delete(socket));
    }
    client.on("data", (data) => {
      if (wanted && data.includes(wanted.text)) {
        hit = wanted;
        wanted = undefined;
        if (isStatement(hit)) hit.reached();
        if (hit.fault === "cut statement") cut();
      }
      if (!isStatement(hit)) upstream.write(data);
    });
    upstream.on("data", (data) => {
      if (!hit) {
        client.write(data);
        return;
      }
      hit.reached();
      if (hit.fault === "cut answer") cut();
    });
    const cut = () => {
      cuts += 1;
      client.destroy();
      upstream.destroy();
    };
    client.on("close", () => upstream.end());
    upstream.on("close", () => client.end());
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));

  const next = (fault: Fault, text: string) =>
    new Promise<void>((reached) => {
      wanted = { fault, text, reached };
    });
  const address = server.address();
  const url = new URL(databaseUrl);
  url.port = String(typeof address === "object" ? address?.port : "");
  return {
    url: url.href,
    cuts: () => cuts,
    cutBefore: (text) => void next("cut statement", text),
    cutAnswerTo: (text) => void next("cut answer", text),
    holdStatement: (text) => next("hold statement", text),
    holdAnswerTo: (text) => next("hold answer", text),
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

const isStatement = (wanted: Wanted | undefined) => wanted?.fault.endsWith("statement") ?? false;
