import { readFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import type { Config } from "./config.ts";
import { AttemptKeeper } from "./engine/attempt-keeper.ts";
import { EventFeed } from "./engine/event-feed.ts";
import type { ExecuteParts } from "./engine/execute-command.ts";
import type { Hasten } from "./engine/hasten.ts";
import { Registry } from "./engine/registry.ts";
import type { Log } from "./observability/log.ts";
import { createMetrics } from "./observability/metrics.ts";
import { createCallbackClient } from "./outbound/callback-client.ts";
import { createEndpointPolicy } from "./outbound/endpoint-policy.ts";
import { createValidatorClient } from "./outbound/validator-client.ts";
import { prepareDatabase } from "./prepare-database.ts";
import { Readiness } from "./readiness.ts";
import { createGrpcListener } from "./rpc/grpc-listener.ts";
import { createHttpListener } from "./rpc/http-listener.ts";
import type { CallListener } from "./rpc/listen.ts";
import { formatAddress, type ListenAddress, parseAddress, parseLocalAddress } from "./rpc/listen-address.ts";
import { createOperationsListener } from "./rpc/operations-listener.ts";
import { createPipeline } from "./rpc/pipeline.ts";
import { dispatcherService } from "./rpc/services/dispatcher.ts";
import { operationsService } from "./rpc/services/operations.ts";
import { registryService } from "./rpc/services/registry.ts";
import { startWorkers, type Workers } from "./start-workers.ts";
import { createChainStore } from "./store/chain-store.ts";
import { openDatabase } from "./store/database.ts";
import { startEmbeddedPostgres } from "./store/embedded-postgres.ts";
import { addStuckGauges } from "./stuck-gauges.ts";

export interface App {
  /** Stops accepting, finishes what is in flight within the grace period, and lets go of everything. */
  stop(): Promise<void>;
  /** Rejects if the sidecar cannot go on; never resolves otherwise. */
  readonly ended: Promise<never>;
}

/** Puts the parts together and starts them: the listeners refuse calls until everything behind them is there. */
export async function startApp(config: Config, log: Log): Promise<App> {
  const grpcAddress = parseLocalAddress(config.grpcAddress, "DISPATCHER_GRPC_ADDRESS");
  const httpAddress = parseLocalAddress(config.httpAddress, "DISPATCHER_HTTP_ADDRESS");
  const operationsAddress = parseAddress(config.operationsAddress, "DISPATCHER_OPERATIONS_ADDRESS");
  const ending = new AbortController();
  const { signal } = ending;
  const metrics = createMetrics();
  const readiness = new Readiness((isServing) => {
    grpc?.setServing(isServing);
    if (isServing) log.info("ready: calls are taken");
  });
  let grpc: ReturnType<typeof createGrpcListener> | undefined;

  const operations = createOperationsListener({
    address: operationsAddress,
    metrics,
    readiness: () => ({ ready: readiness.reasons().length === 0, reasons: readiness.reasons() }),
  });
  readiness.missing("database", "the database has not been reached yet");
  readiness.missing("registry", "the registry is not loaded yet");
  if (config.registryFile) readiness.missing("registry file", `${config.registryFile} has not been read yet`);
  // Let go of in reverse order, by the stop or by a start that fails.
  await using acquired = new AsyncDisposableStack();
  const operationsBound = await startAt("DISPATCHER_OPERATIONS_ADDRESS", operations);
  acquired.defer(() => operations.stop(0));

  const embedded = config.databaseUrl
    ? undefined
    : await startEmbeddedPostgres(config.dataDir, (line) =>
        log.debug({ postgres: line }, "embedded database"),
      );
  acquired.defer(() => embedded?.stop());
  const url = config.databaseUrl ?? embedded?.url ?? "";
  const { schema, poolSize, direct, migrate: mode } = config;
  const database = await openDatabase({ url, schema, poolSize, direct: direct || embedded !== undefined });
  acquired.defer(() => database.close());
  const store = createChainStore(database, config.batchSize);
  const registry = new Registry(database);
  addStuckGauges(metrics, database, registry);
  const policy = createEndpointPolicy({
    allow: config.endpointAllow,
    ownPorts: [grpcAddress, httpAddress, operationsAddress].flatMap(portOf),
    deniedTargets: [databaseTarget(url)],
  });
  const ca = config.validatorCaFile ? await readFile(config.validatorCaFile) : undefined;
  const validators = createValidatorClient({ ca });
  acquired.defer(() => validators.close());
  const callbacks = createCallbackClient({ ca });
  acquired.defer(() => callbacks.close());
  const attempts = new AttemptKeeper(store, (error) => log.warn({ err: error }, "an attempt was not kept"));
  acquired.defer(() => attempts.flush());
  const feed = new EventFeed(database);
  // What a call hastens is started only once the database is there.
  let workers: Workers | undefined;
  const hasten: Hasten = {
    deliveries: () => workers?.deliveries(),
    positions: () => workers?.positions(),
  };
  const parts: ExecuteParts = {
    store,
    registry,
    validators,
    callbacks,
    policy,
    attempts,
    hasten,
  };

  const pipeline = createPipeline({
    services: [dispatcherService({ ...parts, feed }, log), registryService(parts), operationsService(parts)],
    gate: () => readiness.gate(),
    log,
    metrics,
  });
  grpc = createGrpcListener({ address: grpcAddress, pipeline });
  const http = createHttpListener({ address: httpAddress, pipeline });
  const addresses = {
    operations: formatAddress(operationsBound),
    grpc: formatAddress(await startAt("DISPATCHER_GRPC_ADDRESS", grpc)),
    http: formatAddress(await startAt("DISPATCHER_HTTP_ADDRESS", http)),
  };
  log.info(addresses, "listening");

  const application = config.application ?? "embedded";
  const context = { readiness, log, signal };
  let following: Promise<void> = Promise.resolve();
  const prepare = async () => {
    await prepareDatabase({ url, schema, application, mode }, registry, context);
    if (signal.aborted) return;
    workers = startWorkers({ ...parts, feed }, { config, readiness, log, metrics });
    const { registryFile } = config;
    // YAML's parser and all else that reads the file are loaded only for those who have one.
    if (registryFile)
      following = import("./follow-registry-file.ts").then(({ followRegistryFile }) =>
        followRegistryFile(registryFile, parts, context),
      );
  };
  const ended = new Promise<never>((_, reject) => {
    prepare().catch(reject);
  });
  acquired.defer(async () => {
    ending.abort();
    await following;
    await workers?.stop(0);
  });
  acquired.defer(async () => {
    const graceMs = config.shutdownGraceMs;
    const over = setTimeout(graceMs, undefined, { ref: false });
    await Promise.all([grpc.stop(graceMs), http.stop(graceMs), workers?.stop(graceMs)]);
    await Promise.race([pipeline.idle(), over]);
  });

  const held = acquired.move();
  return {
    ended,
    stop() {
      readiness.stopping();
      feed.close();
      return held.disposeAsync();
    },
  };
}

/** An address that is taken is told by the setting that says another. */
function startAt(setting: string, listener: CallListener): Promise<ListenAddress> {
  return listener.start().catch((cause: Error) => {
    throw new Error(`${setting}: ${cause.message}. Stop what listens there, or set another address.`, {
      cause,
    });
  });
}

function portOf(address: ListenAddress): number[] {
  return address.kind === "tcp" && address.port > 0 ? [address.port] : [];
}

function databaseTarget(url: string) {
  const { hostname, port } = new URL(url);
  return {
    address: { kind: "tcp" as const, host: hostname, port: Number(port || 5432) },
    what: "this sidecar's own database",
  };
}
