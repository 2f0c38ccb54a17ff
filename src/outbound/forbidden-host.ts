import { isIPv4, isIPv6 } from "node:net";
import ipaddr from "ipaddr.js";

const METADATA_NAMES = new Set([
  "metadata",
  "metadata.goog",
  "metadata.google.internal",
  "instance-data",
  "instance-data.ec2.internal",
]);

/** Those outside the link-local ranges. */
const METADATA_ADDRESSES = new Set([
  "100.100.100.200", // Alibaba Cloud
  "168.63.129.16", // Azure
  "192.0.0.192", // Oracle Cloud
  "fd00:ec2::254", // AWS
  "fd20:ce::254", // Google Cloud
]);

const FORBIDDEN_RANGES: Readonly<Record<string, string>> = {
  linkLocal: "a link-local address, where clouds serve credentials",
  multicast: "a multicast address",
  unspecified: "the unspecified address, which is no place to call",
  broadcast: "the broadcast address",
};

/**
 * Says what a host is that no operator may allow, or nothing. Takes names as they are written and addresses as parsed
 * by `parseEndpoint`; addresses that carry an IPv4 address inside are judged by that one too.
 */
export function findForbiddenHost(host: string): string | undefined {
  if (!isIPv4(host) && !isIPv6(host))
    return METADATA_NAMES.has(host.replace(/\.$/, "")) ? "the metadata service of a cloud" : undefined;
  const address = ipaddr.process(host);
  for (const candidate of [address, embeddedIPv4(address)]) {
    if (!candidate) continue;
    if (METADATA_ADDRESSES.has(candidate.toString())) return "the metadata service of a cloud";
    const forbidden = FORBIDDEN_RANGES[candidate.range()];
    if (forbidden) return forbidden;
  }
  return undefined;
}

/** Where the translators of NAT64, 6to4 and the like would send it. */
function embeddedIPv4(address: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4 | undefined {
  if (address instanceof ipaddr.IPv4) return undefined;
  const bytes = address.toByteArray();
  switch (address.range()) {
    case "6to4":
      return new ipaddr.IPv4(bytes.slice(2, 6));
    case "teredo":
      return new ipaddr.IPv4(bytes.slice(12, 16).map((byte) => byte ^ 0xff));
    case "rfc6145":
    case "rfc6052":
      return new ipaddr.IPv4(bytes.slice(12, 16));
    default:
      // The deprecated "IPv4-compatible" form, ::a.b.c.d; ::1 and :: are not meant.
      return bytes.slice(0, 12).every((byte) => byte === 0) && bytes.slice(12, 14).some((byte) => byte !== 0)
        ? new ipaddr.IPv4(bytes.slice(12, 16))
        : undefined;
  }
}
