import type { RequestListener, Server, ServerResponse } from "node:http";

/**
 * Stops an HTTP server: no new connection, none kept after its answer, and whatever is still open after the grace is cut.
 * Give it the server's requests through `following` from the start.
 */
export function createHttpClosing() {
  const open = new Set<ServerResponse>();
  let isClosing = false;

  return {
    following:
      (handle: RequestListener): RequestListener =>
      (request, response) => {
        open.add(response);
        response.once("close", () => open.delete(response));
        closeIfUnread(response);
        if (isClosing) keepNoLonger(response);
        handle(request, response);
      },

    async close(server: Server, graceMs: number): Promise<void> {
      isClosing = true;
      for (const response of open) keepNoLonger(response);
      const closed = new Promise((resolve) => server.close(resolve));
      const cut = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(cut);
    },
  };
}

function keepNoLonger(response: ServerResponse): void {
  const { socket } = response;
  if (response.headersSent) response.once("finish", () => socket?.destroySoon());
  else response.setHeader("connection", "close");
}

/**
 * After an answer that did not wait for the whole request, what is left of the body would be taken for the connection's
 * next request, very slowly.
 */
function closeIfUnread(response: ServerResponse): void {
  const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse;
  response.writeHead = (...args: unknown[]) => {
    if (!response.req.complete) response.setHeader("connection", "close");
    return writeHead(...args);
  };
}
