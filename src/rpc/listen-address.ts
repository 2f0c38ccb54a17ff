import { isIPv4 } from "node:net";

/** Where a listener listens. Port 0 takes a free one. */
export type ListenAddress =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** Reads the address of an API listener. Throws an Error that names the setting. */
export function parseLocalAddress(text: string, setting: string): ListenAddress {
  const address = parseAddress(text, setting);
  requireLocal(address, setting);
  return address;
}

/**
 * Refuses what another machine could reach, because the API asks nobody who they are. Throws an Error that names the
 * setting.
 */
export function requireLocal(address: ListenAddress, setting: string): void {
  if (address.kind === "unix" || isLoopback(address.host)) return;
  throw new Error(
    `${setting}: ${formatAddress(address)} is not a loopback address. The API has no authentication, so it listens only on ` +
      "127.0.0.0/8, ::1, localhost or a unix socket (unix:///path).",
  );
}

/**
 * Reads any address: `127.0.0.1:7480`, `[::1]:7480`, `localhost:7480` or `unix:///run/app/dispatcher.sock`. Throws an Error that
 * names the setting.
 */
export function parseAddress(text: string, setting: string): ListenAddress {
  const unix = /^unix:(?:\/\/)?(?<path>\/.+)$/.exec(text)?.groups?.["path"];
  if (unix !== undefined) return { kind: "unix", path: unix };

  const tcp = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<name>[^:/[\]]+)):(?<port>\d{1,5})$/.exec(text)?.groups;
  const port = Number(tcp?.["port"]);
  const host = tcp?.["v6"] ?? tcp?.["name"];
  if (host === undefined || port > 65_535) {
    throw new Error(
      `${setting}: ${text} is not an address such as 127.0.0.1:7480 or unix:///run/dispatcher.sock`,
    );
  }
  return { kind: "tcp", host, port };
}

/** How an address is written in a setting. */
export function formatAddress(address: ListenAddress): string {
  if (address.kind === "unix") return `unix://${address.path}`;
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** Judged by the text alone: a name is not looked up, since it may mean something else tomorrow. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}
