import { connect } from "node:net";
import type { TcpAddress, UnixAddress } from "./endpoint.ts";

/** True if something accepts connections there; it is told nothing. What takes longer than the time is no answer. */
export function canConnect(address: TcpAddress | UnixAddress, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address.kind === "unix" ? { path: address.path } : address);
    const end = (accepted: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(accepted);
    };
    const timer = setTimeout(end, timeoutMs, false);
    socket.once("connect", () => end(true));
    socket.on("error", () => end(false));
  });
}
