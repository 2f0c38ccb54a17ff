import { describe, expect, it } from "vitest";
import { parseConfig, settings } from "../../src/config.ts";

/** What is wrong with an environment, one line per problem. */
function problemsOf(environment: Readonly<Record<string, string | undefined>>): readonly string[] {
  try {
    parseConfig(environment);
    return [];
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const [head, ...problems] = error.message.split("\n- ");
    expect(head).toBe("The configuration is not valid:");
    return problems;
  }
}

const database = "postgresql://app:secret@db:5432/app";

describe("defaults", () => {
  const defaults = {
    databaseUrl: undefined,
    application: undefined,
    dataDir: ".dispatcher",
    schema: "dispatcher",
    migrate: "auto",
    poolSize: 10,
    direct: false,
    batchSize: 128,
    grpcAddress: "127.0.0.1:7480",
    httpAddress: "127.0.0.1:7481",
    operationsAddress: "0.0.0.0:7482",
    endpointAllow: [],
    registryFile: undefined,
    validatorCaFile: undefined,
    schedulerConcurrency: 32,
    shutdownGraceMs: 25_000,
    logLevel: "info",
  };

  it("hold where nothing is set", () => {
    expect(parseConfig({})).toEqual(defaults);
  });

  it("hold for a variable that is set to nothing, as many a shell and a chart does", () => {
    const empty = Object.fromEntries(Object.values(settings).map(({ name }) => [name, ""]));
    expect(parseConfig(empty)).toEqual(defaults);
  });

  it("are untouched by what Kubernetes sets beside a Service called dispatcher", () => {
    const links = {
      DISPATCHER_SERVICE_HOST: "10.0.0.1",
      DISPATCHER_SERVICE_PORT: "7480",
      DISPATCHER_SERVICE_PORT_GRPC: "7480",
      DISPATCHER_PORT: "tcp://10.0.0.1:7480",
      DISPATCHER_PORT_7480_TCP: "tcp://10.0.0.1:7480",
      DISPATCHER_PORT_7480_TCP_PROTO: "tcp",
      DISPATCHER_CONSOLE_SERVICE_HOST: "10.0.0.2",
      DISPATCHER_CONSOLE_PORT: "tcp://10.0.0.2:80",
    };
    expect(parseConfig(links)).toEqual(defaults);
    expect(problemsOf({ DISPATCHER_GRPC_PORT: "7480" })).toHaveLength(1);
  });

  it("are untouched by what others set", () => {
    expect(parseConfig({ PATH: "/bin", PGHOST: "db", NODE_ENV: "x", DATABASE_POOL: "1" })).toEqual(defaults);
  });
});

describe("what is set", () => {
  it.each<[string, string, object]>([
    ["DISPATCHER_DATA_DIR", "/var/lib/dispatcher", { dataDir: "/var/lib/dispatcher" }],
    ["DISPATCHER_DB_SCHEMA", "_carts_2", { schema: "_carts_2" }],
    ["DISPATCHER_MIGRATE", "never", { migrate: "never" }],
    ["DISPATCHER_DB_POOL", "1", { poolSize: 1 }],
    ["DISPATCHER_DB_POOL", "100", { poolSize: 100 }],
    ["DISPATCHER_DB_BATCH", "1", { batchSize: 1 }],
    ["DISPATCHER_DB_BATCH", "128", { batchSize: 128 }],
    ["DISPATCHER_DB_DIRECT", "true", { direct: true }],
    ["DISPATCHER_DB_DIRECT", "false", { direct: false }],
    ["DISPATCHER_GRPC_ADDRESS", "unix:///run/grpc.sock", { grpcAddress: "unix:///run/grpc.sock" }],
    ["DISPATCHER_HTTP_ADDRESS", "[::1]:1", { httpAddress: "[::1]:1" }],
    ["DISPATCHER_OPERATIONS_ADDRESS", "127.0.0.1:9", { operationsAddress: "127.0.0.1:9" }],
    ["DISPATCHER_ENDPOINT_ALLOW", "a:1", { endpointAllow: ["a:1"] }],
    ["DISPATCHER_ENDPOINT_ALLOW", " a:1, *.b:*,,c:2 ,", { endpointAllow: ["a:1", "*.b:*", "c:2"] }],
    ["DISPATCHER_CONFIG", "types.yaml", { registryFile: "types.yaml" }],
    ["DISPATCHER_VALIDATOR_CA_FILE", "ca.pem", { validatorCaFile: "ca.pem" }],
    ["DISPATCHER_SHUTDOWN_GRACE", "0", { shutdownGraceMs: 0 }],
    ["DISPATCHER_SHUTDOWN_GRACE", "300", { shutdownGraceMs: 300_000 }],
    ["DISPATCHER_LOG_LEVEL", "silent", { logLevel: "silent" }],
    ["DISPATCHER_APPLICATION", "shop", { application: "shop", databaseUrl: undefined }],
  ])("%s=%s", (name, value, expected) => {
    expect(parseConfig({ [name]: value })).toMatchObject(expected);
  });

  it.each([database, "postgres://db/app"])("DATABASE_URL=%s", (databaseUrl) => {
    const config = parseConfig({ DATABASE_URL: databaseUrl, DISPATCHER_APPLICATION: "shop" });
    expect(config).toMatchObject({ databaseUrl, application: "shop" });
  });
});

describe("refused", () => {
  const batch = (value: string) =>
    `DISPATCHER_DB_BATCH is "${value}" but must be a whole number from 1 to 128`;
  const pool = (value: string) => `DISPATCHER_DB_POOL is "${value}" but must be a whole number from 1 to 100`;

  it.each<[string, string, string]>([
    ["DATABASE_URL", "mysql://db/app", "DATABASE_URL must begin with postgresql://"],
    ["DISPATCHER_MIGRATE", "yes", 'DISPATCHER_MIGRATE is "yes" but must be one of auto, never'],
    ["DISPATCHER_DB_DIRECT", "1", 'DISPATCHER_DB_DIRECT is "1" but must be one of true, false'],
    [
      "DISPATCHER_DB_SCHEMA",
      "a-b",
      "DISPATCHER_DB_SCHEMA must be lower-case letters, digits and _, at most 63",
    ],
    [
      "DISPATCHER_DB_SCHEMA",
      "Carts",
      "DISPATCHER_DB_SCHEMA must be lower-case letters, digits and _, at most 63",
    ],
    [
      "DISPATCHER_DB_SCHEMA",
      'a"; drop',
      "DISPATCHER_DB_SCHEMA must be lower-case letters, digits and _, at most 63",
    ],
    [
      "DISPATCHER_DB_SCHEMA",
      "x".repeat(64),
      "DISPATCHER_DB_SCHEMA must be lower-case letters, digits and _, at most 63",
    ],
    ["DISPATCHER_DB_POOL", "0", pool("0")],
    ["DISPATCHER_DB_POOL", "101", pool("101")],
    ["DISPATCHER_DB_BATCH", "0", batch("0")],
    ["DISPATCHER_DB_BATCH", "129", batch("129")],
    ["DISPATCHER_DB_POOL", "-1", pool("-1")],
    ["DISPATCHER_DB_POOL", "1.5", pool("1.5")],
    ["DISPATCHER_DB_POOL", "0x10", pool("0x10")],
    ["DISPATCHER_DB_POOL", "1e1", pool("1e1")],
    ["DISPATCHER_DB_POOL", " 10", pool(" 10")],
    ["DISPATCHER_DB_POOL", "ten", pool("ten")],
    [
      "DISPATCHER_SHUTDOWN_GRACE",
      "301",
      'DISPATCHER_SHUTDOWN_GRACE is "301" but must be a whole number from 0 to 300',
    ],
    [
      "DISPATCHER_LOG_LEVEL",
      "INFO",
      'DISPATCHER_LOG_LEVEL is "INFO" but must be one of trace, debug, info, warn, error, silent',
    ],
    ["DISPATCHER_POOL", "10", "DISPATCHER_POOL is not a setting: is it misspelt?"],
    ["DISPATCHER_", "", "DISPATCHER_ is not a setting: is it misspelt?"],
  ])("%s=%s", (name, value, expected) => {
    expect(problemsOf({ [name]: value, DISPATCHER_APPLICATION: "shop" })).toEqual([expected]);
  });

  it("a database of nobody", () => {
    expect(problemsOf({ DATABASE_URL: database })).toEqual([
      "DISPATCHER_APPLICATION is required with DATABASE_URL: name the application whose chains these are",
    ]);
  });

  it("everything at once, without the password", () => {
    const problems = problemsOf({
      DATABASE_URL: database,
      DISPATCHER_DB_POOL: "many",
      DISPATCHER_MIGRATE: "later",
      DISPATCHER_DB_URL: database,
      DISPATCHER_LOG: "debug",
    });
    expect(problems.map((problem) => problem.split(" ")[0])).toEqual([
      "DISPATCHER_MIGRATE",
      "DISPATCHER_DB_POOL",
      "DISPATCHER_APPLICATION",
      "DISPATCHER_DB_URL",
      "DISPATCHER_LOG",
    ]);
    expect(problems.join()).not.toContain("secret");
    expect(problemsOf({ DATABASE_URL: "mysql://app:secret@db" }).join()).not.toContain("secret");
  });
});

it("every setting is described, and its default is one that it accepts", () => {
  const all = Object.values(settings);
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  for (const { name, meaning, default: fallback, parse } of all) {
    expect(name).toMatch(/^(DATABASE_URL|DISPATCHER_[A-Z_]+)$/);
    expect(meaning).toMatch(/\.$/);
    expect(() => parse(fallback)).not.toThrow();
  }
});
