import { type DestinationStream, type Logger, pino, stdSerializers } from "pino";

export type Log = Logger;
export type LogLevel = "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "silent";

/**
 * A log of one JSON object per line, on standard output unless told otherwise.
 *
 * An `err` is written with its causes. Whatever could hold a secret under a usual name is masked, also when a library puts it
 * on an error.
 */
export function createLog(level: LogLevel, destination?: DestinationStream): Log {
  const options = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: stdSerializers.errWithCause },
    redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`, `err.*.${name}`]), censor: "***" },
  };
  return destination ? pino(options, destination) : pino(options);
}

const SECRETS = ["password", "authorization", "token", "secret", "connectionString", "databaseUrl"];
