import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIPv4 } from "node:net";

/** A certificate with its key, in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** DNS names and IPv4 addresses. */
  readonly names: readonly string[];
  /** Default: an hour ago. */
  readonly from?: Date;
  /** Default: in an hour. */
  readonly to?: Date;
}

/** An authority that lives for one test run. */
export interface Authority {
  readonly cert: string;
  issue(options: CertificateOptions): Certificate;
}

const HOUR_MS = 3_600_000;

/** Made here, since Node reads X.509 but does not write it: just as much of it as TLS looks at. */
export function createAuthority(name = "Test Authority"): Authority {
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    cert: certificate(name, keys, name, keys.publicKey, { names: [] }),
    issue: (options) => {
      const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      return {
        cert: certificate(name, keys, options.names[0] ?? "nobody", publicKey, options),
        key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      };
    },
  };
}

function certificate(
  issuer: string,
  issuerKeys: { readonly privateKey: KeyObject },
  subject: string,
  publicKey: KeyObject,
  options: CertificateOptions,
): string {
  const { names, from = new Date(Date.now() - HOUR_MS), to = new Date(Date.now() + HOUR_MS) } = options;
  const extension = names.length > 0 ? alternativeNames(names) : BASIC_CONSTRAINTS_OF_AN_AUTHORITY;
  const content = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_WITH_SHA256,
    distinguishedName(issuer),
    sequence(time(from), time(to)),
    distinguishedName(subject),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(extension)),
  );
  const signature = sign("sha256", content, issuerKeys.privateKey);
  const signed = sequence(content, ECDSA_WITH_SHA256, der(0x03, Buffer.from([0]), signature));
  const lines = signed.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

/** One value of ASN.1 in its distinguished encoding. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const sequence = (...parts: readonly Buffer[]) => der(0x30, ...parts);
const integer = (bytes: Buffer) => der(0x02, bytes);
const objectId = (hex: string) => der(0x06, Buffer.from(hex, "hex"));

const ECDSA_WITH_SHA256 = sequence(objectId("2a8648ce3d040302"));
const TRUE = der(0x01, Buffer.from([0xff]));
const BASIC_CONSTRAINTS_OF_AN_AUTHORITY = sequence(objectId("551d13"), TRUE, der(0x04, sequence(TRUE)));

function alternativeNames(names: readonly string[]): Buffer {
  const entries = names.map((name) =>
    isIPv4(name) ? der(0x87, Buffer.from(name.split(".").map(Number))) : der(0x82, Buffer.from(name)),
  );
  return sequence(objectId("551d11"), der(0x04, sequence(...entries)));
}

function distinguishedName(commonName: string): Buffer {
  return sequence(der(0x31, sequence(objectId("550403"), der(0x0c, Buffer.from(commonName)))));
}

function time(date: Date): Buffer {
  return der(0x18, Buffer.from(`${date.toISOString().replace(/[-T:]|\.\d+/g, "")}`));
}
