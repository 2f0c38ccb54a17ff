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
        // What is left of a body that was refused unread would be taken for the connection's next request, very slowly.
        response.once("finish", () => {
          if (!request.complete) request.socket.destroySoon();
        });
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
  if (response.headersSent) response.once("finish", () => response.req.socket.destroySoon());
  else response.setHeader("connection", "close");
}
