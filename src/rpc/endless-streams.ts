import { type Server, status, type UntypedHandleCall } from "@grpc/grpc-js";

interface OpenStream {
  once(event: "cancelled", listener: () => void): unknown;
  emit(event: "error", error: { code: number; details: string }): unknown;
}

/**
 * Ends the streams of health and reflection, which last as long as their caller likes, so that a stop does not wait for
 * them.
 */
export function createEndlessStreams() {
  const open = new Set<OpenStream>();
  return {
    /** The server, for a package that adds its service to it. */
    following: (server: Server): Server => {
      const addService: Server["addService"] = (definition, implementation) => {
        const handlers = Object.entries(implementation).map(([name, handler]) => [name, follow(handler)]);
        server.addService(definition, Object.fromEntries(handlers));
      };
      return Object.create(server, { addService: { value: addService } }) as Server;
    },
    endAll(): void {
      for (const stream of open) {
        stream.emit("error", { code: status.UNAVAILABLE, details: "the sidecar is stopping" });
      }
    },
  };

  function follow(handler: UntypedHandleCall): UntypedHandleCall {
    return (call: never, ...rest: [never]) => {
      if ("write" in (call as object)) {
        const stream: OpenStream = call;
        open.add(stream);
        stream.once("cancelled", () => open.delete(stream));
      }
      (handler as (...args: unknown[]) => void)(call, ...rest);
    };
  }
}
