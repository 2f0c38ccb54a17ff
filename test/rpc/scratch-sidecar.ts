import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { pino } from "pino";
import {
  DispatcherService,
  type ExecuteRequest,
  type WatchChainEventsRequest,
} from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import { OperationsService } from "../../gen/ts/dispatcher/v1/operations_service_pb.ts";
import { RegistryService } from "../../gen/ts/dispatcher/v1/registry_service_pb.ts";
import type { Refusal } from "../../src/domain/refusal.ts";
import { createMetrics, type Metrics } from "../../src/observability/metrics.ts";
import type { Call } from "../../src/rpc/call.ts";
import { createGrpcListener, type GrpcListener } from "../../src/rpc/grpc-listener.ts";
import { createHttpListener } from "../../src/rpc/http-listener.ts";
import type { CallListener } from "../../src/rpc/listen.ts";
import { formatAddress, type ListenAddress } from "../../src/rpc/listen-address.ts";
import { createPipeline, type Pipeline } from "../../src/rpc/pipeline.ts";
import type { MountedService } from "../../src/rpc/service.ts";

/** What a test may change about the scratch service while it runs. */
export interface Behaviour {
  execute: (request: ExecuteRequest, call: Call) => Promise<object>;
  watch: (request: WatchChainEventsRequest, call: Call) => AsyncIterable<object>;
  gate: () => Refusal | undefined;
}

/** Both API listeners over services without an engine: Execute and WatchChainEvents do what the test says, all else is empty. */
export interface ScratchSidecar {
  readonly behaviour: Behaviour;
  readonly pipeline: Pipeline;
  readonly metrics: Metrics;
  readonly log: readonly Record<string, unknown>[];
  readonly grpc: GrpcListener;
  readonly http: CallListener;
  /** As in `127.0.0.1:40123`. */
  readonly grpcAddress: string;
  /** As in `http://127.0.0.1:40123`. */
  readonly httpUrl: string;
  stop(): Promise<void>;
}

const FREE_PORT: ListenAddress = { kind: "tcp", host: "127.0.0.1", port: 0 };

/** Answers with what it was asked, as far as the answer has room for it. */
export const echo: Behaviour["execute"] = async (request) => ({
  transition: { name: request.requestedBy, context: request.initialContext },
});

export async function startScratchSidecar(): Promise<ScratchSidecar> {
  const log: Record<string, unknown>[] = [];
  const metrics = createMetrics();
  const behaviour: Behaviour = { execute: echo, watch: async function* () {}, gate: () => undefined };
  const pipeline = createPipeline({
    services: [DispatcherService, RegistryService, OperationsService].map((service) =>
      scratch(service, behaviour),
    ),
    gate: () => behaviour.gate(),
    log: pino({ level: "debug" }, { write: (line: string) => void log.push(JSON.parse(line)) }),
    metrics,
  });
  const grpc = createGrpcListener({ address: FREE_PORT, pipeline });
  const http = createHttpListener({ address: FREE_PORT, pipeline });
  const [grpcAddress, httpAddress] = await Promise.all([grpc.start(), http.start()]);
  return {
    behaviour,
    pipeline,
    metrics,
    log,
    grpc,
    http,
    grpcAddress: formatAddress(grpcAddress),
    httpUrl: `http://${formatAddress(httpAddress)}`,
    async stop() {
      await Promise.all([grpc.stop(0), http.stop(0)]);
    },
  };
}

function scratch(descriptor: DescService, behaviour: Behaviour): MountedService {
  const handlerOf = (method: DescMethod): MountedService["handlers"][string] => {
    if (method === DispatcherService.method.execute)
      return (request, call) => behaviour.execute(request, call);
    if (method === DispatcherService.method.watchChainEvents)
      return (request, call) => behaviour.watch(request, call);
    if (method.methodKind === "server_streaming") return async function* () {};
    return async () => ({});
  };
  return {
    descriptor,
    handlers: Object.fromEntries(descriptor.methods.map((method) => [method.localName, handlerOf(method)])),
  };
}
