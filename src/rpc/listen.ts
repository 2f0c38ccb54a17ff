import { lstat, unlink } from "node:fs/promises";
import { connect, type Server } from "node:net";
import type { ListenAddress } from "./listen-address.ts";

/** Something that takes calls at an address, from `start` to `stop`. Each may be called once. */
export interface CallListener {
  /** Resolves once calls are taken, with the address including the port that was found for port 0. */
  start(): Promise<ListenAddress>;
  /** Takes no new call, lets what is in flight finish within the grace, then cuts it. Resolves when every socket is closed. */
  stop(graceMs: number): Promise<void>;
}

/** Makes a server listen. The socket file of a process that is gone is replaced; that of a living one is not. */
export async function listen(server: Server, address: ListenAddress): Promise<ListenAddress> {
  if (address.kind === "unix") await removeStaleSocket(address.path);

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    const target =
      address.kind === "unix"
        ? { path: address.path }
        : { host: address.host === "localhost" ? "127.0.0.1" : address.host, port: address.port };
    server.listen(target, () => {
      server.off("error", reject);
      resolve();
    });
  });

  const bound = server.address();
  return address.kind === "tcp" && typeof bound === "object" && bound
    ? { kind: "tcp", host: bound.address, port: bound.port }
    : address;
}

async function removeStaleSocket(path: string): Promise<void> {
  const file = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (!file) return;
  if (!file.isSocket()) throw new Error(`${path} exists and is not a socket`);
  if (await isAnswered(path)) throw new Error(`another process is listening on ${path}`);
  await unlink(path);
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT") resolve(false);
      else reject(error);
    });
  });
}
