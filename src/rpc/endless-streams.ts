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
    following: (server: Server): Pick<Server, "addService"> => ({
      addService(definition, implementation) {
        const handlers = Object.entries(implementation).map(([name, handler]) => [name, follow(handler)]);
        server.addService(definition, Object.fromEntries(handlers));
      },
    }),
    endAll(): void {
      for (const stream of open) {
        stream.emit("error", { code: status.UNAVAILABLE, details: "the sidecar is stopping" });
      }
    },
  };

  function follow(handler: UntypedHandleCall): UntypedHandleCall {
    const following = (call: OpenStream, ...rest: unknown[]) => {
      if ("write" in call) {
        open.add(call);
        call.once("cancelled", () => open.delete(call));
      }
      (handler as (...args: unknown[]) => void)(call, ...rest);
    };
    return following as UntypedHandleCall;
  }
}
