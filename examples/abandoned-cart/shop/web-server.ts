import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";

/** Gets the JSON that was posted, and returns what is answered as JSON. */
export type WebHandler = (body: string) => object | Promise<object>;

/**
 * Serves the shop's handlers, by path: JSON in, JSON out, no library and no generated code. This much is possible in every
 * language.
 */
export async function serveWeb(port: number, handlers: Readonly<Record<string, WebHandler>>): Promise<void> {
  const server = createServer((request, response) => {
    const handle = handlers[request.url ?? ""];
    if (!handle) {
      response.writeHead(404).end();
      return;
    }
    text(request)
      .then(handle)
      .then(
        (answer) =>
          response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer)),
        // A validator's error means "could not tell": never a no, and never moves a chain. A callback's means "not done".
        () => response.writeHead(500).end(),
      );
  }).listen(port, "127.0.0.1");
  await once(server, "listening");
}
