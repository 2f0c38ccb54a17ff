import { X509Certificate } from "node:crypto";
import { createSecureContext, getCACertificates, type SecureContext } from "node:tls";

const NO_CA = {};
const contexts = new WeakMap<object, SecureContext>();

/**
 * Gives the certificates that servers are verified against: Node's, the system's and the operator's own. Read at the first
 * TLS connection, since that takes a while, and once for the same `ca`, since each copy takes memory.
 *
 * @throws Error at once if the operator's are none
 */
export function createTrust(ca: Buffer | undefined): () => SecureContext {
  if (ca) readCertificate(ca);
  return () => {
    const context = contexts.get(ca ?? NO_CA) ?? createSecureContext({ ca: authorities(ca) });
    contexts.set(ca ?? NO_CA, context);
    return context;
  };
}

function authorities(ca: Buffer | undefined): string[] {
  const known = [...getCACertificates("default"), ...getCACertificates("system")];
  return [...new Set(ca ? [...known, ca.toString()] : known)];
}

function readCertificate(ca: Buffer): void {
  try {
    new X509Certificate(ca);
  } catch (cause) {
    throw new Error("the file of trusted certificates holds no certificate in PEM form", { cause });
  }
}
