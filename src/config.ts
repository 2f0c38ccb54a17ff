/** One setting: an environment variable, what it is for, and how it is read. */
export interface Setting<T> {
  readonly name: string;
  readonly meaning: string;
  /** As a person would write it; empty: none. */
  readonly default: string;
  /** @throws Error in words that can follow the variable's name */
  readonly parse: (text: string) => T;
}

const setting = <T>(
  name: string,
  fallback: string,
  meaning: string,
  parse: (text: string) => T,
): Setting<T> => ({
  name,
  meaning,
  default: fallback,
  parse,
});

/** Every setting there is. The README's table is checked against this. */
export const settings = {
  databaseUrl: setting(
    "DATABASE_URL",
    "",
    "PostgreSQL 14 or later, as `postgresql://user:password@host:port/database`. Without it an embedded PostgreSQL runs under `DISPATCHER_DATA_DIR`.",
    optionalUrl,
  ),
  application: setting(
    "DISPATCHER_APPLICATION",
    "",
    "Name of the application whose chains these are. Required with `DATABASE_URL`; a schema that belongs to another is refused.",
    optionalText,
  ),
  dataDir: setting("DISPATCHER_DATA_DIR", ".dispatcher", "Folder of the embedded database.", text),
  schema: setting(
    "DISPATCHER_DB_SCHEMA",
    "dispatcher",
    "Schema that holds all tables: lower-case letters, digits and `_`.",
    schemaName,
  ),
  migrate: setting(
    "DISPATCHER_MIGRATE",
    "auto",
    "`auto` brings the schema up to date at the start; `never` only checks that it is.",
    oneOf("auto", "never"),
  ),
  poolSize: setting(
    "DISPATCHER_DB_POOL",
    "10",
    "Connections to PostgreSQL at most: 1 to 100.",
    wholeNumber(1, 100),
  ),
  direct: setting(
    "DISPATCHER_DB_DIRECT",
    "false",
    "`true` where the connection goes to PostgreSQL itself, not through a transaction-mode pooler: statements are then kept prepared, and timeouts hold in the server as well.",
    flag,
  ),
  batchSize: setting(
    "DISPATCHER_DB_BATCH",
    "128",
    "Chains that concurrent calls may share one statement for: 1 to 128. `1` gives every call its own.",
    wholeNumber(1, 128),
  ),
  grpcAddress: setting(
    "DISPATCHER_GRPC_ADDRESS",
    "127.0.0.1:7480",
    "Where gRPC is served: a loopback `host:port`, or `unix:///path`.",
    text,
  ),
  httpAddress: setting(
    "DISPATCHER_HTTP_ADDRESS",
    "127.0.0.1:7481",
    "Where Connect, gRPC-Web and JSON are served: a loopback `host:port`, or `unix:///path`.",
    text,
  ),
  operationsAddress: setting(
    "DISPATCHER_OPERATIONS_ADDRESS",
    "0.0.0.0:7482",
    "Where `/healthz`, `/readyz` and `/metrics` are served: `host:port`.",
    text,
  ),
  endpointAllow: setting(
    "DISPATCHER_ENDPOINT_ALLOW",
    "",
    "Endpoints that may be called besides loopback and unix ones: comma-separated `host:port`, `*` for any label or port.",
    list,
  ),
  registryFile: setting(
    "DISPATCHER_CONFIG",
    "",
    "YAML file of chain types and endpoints; followed when it changes.",
    optionalText,
  ),
  validatorCaFile: setting(
    "DISPATCHER_VALIDATOR_CA_FILE",
    "",
    "PEM file of certificate authorities trusted for `grpcs://` and `https://` besides the system's.",
    optionalText,
  ),
  schedulerConcurrency: setting(
    "DISPATCHER_SCHEDULER_CONCURRENCY",
    "32",
    "Due chains of types with `auto_execute` that this sidecar executes at once by itself: 0 to 256. `0` leaves them to other sidecars.",
    wholeNumber(0, 256),
  ),
  shutdownGraceMs: setting(
    "DISPATCHER_SHUTDOWN_GRACE",
    "25",
    "Seconds that calls in flight may take after SIGTERM: 0 to 300.",
    (value) => wholeNumber(0, 300)(value) * 1000,
  ),
  logLevel: setting(
    "DISPATCHER_LOG_LEVEL",
    "info",
    "`trace`, `debug` (every call), `info`, `warn`, `error` or `silent`.",
    oneOf("trace", "debug", "info", "warn", "error", "silent"),
  ),
} as const;

export type Config = {
  readonly [K in keyof typeof settings]: ReturnType<(typeof settings)[K]["parse"]>;
};

/** The only reader of the environment. */
export function readEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

/** @throws Error that names every setting that is wrong, and its remedy */
export function parseConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const problems: string[] = [];
  const entries = Object.entries(settings).map(([key, { name, default: fallback, parse }]) => {
    try {
      return [key, parse(environment[name] || fallback)];
    } catch (error) {
      problems.push(`${name} ${error instanceof Error ? error.message : String(error)}`);
      return [key, undefined];
    }
  });
  const config = Object.fromEntries(entries) as Config;
  if (environment["DATABASE_URL"] && !config.application) {
    problems.push(
      "DISPATCHER_APPLICATION is required with DATABASE_URL: name the application whose chains these are",
    );
  }
  const known = new Set(Object.values(settings).map(({ name }) => name as string));
  for (const [name, value = ""] of Object.entries(environment)) {
    if (name.startsWith("DISPATCHER_") && !known.has(name) && !isServiceLink(name, value))
      problems.push(`${name} is not a setting: is it misspelt?`);
  }
  if (problems.length > 0)
    throw new Error(`The configuration is not valid:\n${problems.map((p) => `- ${p}`).join("\n")}`);
  return config;
}

/** Kubernetes sets these in every container of a namespace that has a Service called `dispatcher` or `dispatcher-...`. */
function isServiceLink(name: string, value: string): boolean {
  return /_SERVICE_(HOST|PORT)(_\w+)?$|_PORT_\d+_\w+$/.test(name) || /^(tcp|udp|sctp):\/\//.test(value);
}

function text(value: string): string {
  return value;
}

function optionalText(value: string): string | undefined {
  return value || undefined;
}

function optionalUrl(value: string): string | undefined {
  if (value && !/^postgres(ql)?:\/\//.test(value)) throw new Error("must begin with postgresql://");
  return value || undefined;
}

function schemaName(value: string): string {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(value))
    throw new Error("must be lower-case letters, digits and _, at most 63");
  return value;
}

function list(value: string): readonly string[] {
  return value
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

function flag(value: string): boolean {
  return oneOf("true", "false")(value) === "true";
}

function oneOf<const T extends string>(...values: readonly T[]): (value: string) => T {
  return (value) => {
    const found = values.find((candidate) => candidate === value);
    if (found === undefined) throw new Error(`is "${value}" but must be one of ${values.join(", ")}`);
    return found;
  };
}

function wholeNumber(least: number, most: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (!/^\d+$/.test(value) || number < least || number > most) {
      throw new Error(`is "${value}" but must be a whole number from ${least} to ${most}`);
    }
    return number;
  };
}
