import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

/** A loopback `host:port` on which nothing listens. Somebody else may still be faster. */
export async function freeAddress(): Promise<string> {
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  const { port } = holder.address() as AddressInfo;
  await once(holder.close(), "close");
  return `127.0.0.1:${port}`;
}
