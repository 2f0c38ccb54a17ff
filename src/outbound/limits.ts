/** The largest header list that is read. */
export const MAX_HEADER_BYTES = 16 * 1024;

/** A connection, TLS included, that is not complete by then is given up. */
export const CONNECT_TIMEOUT_MS = 5000;
