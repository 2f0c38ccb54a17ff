import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, type ClientOptions, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import {
  type ValidateRequest,
  ValidateRequestSchema,
  ValidateResponseSchema,
  ValidatorService,
} from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { type Answer, type CallLimits, MAX_ANSWER_BYTES } from "./answer.ts";
import type { GrpcEndpoint } from "./endpoint.ts";
import { failure } from "./failure.ts";
import { grpcFailure } from "./grpc-failure.ts";
import { createRecentlyUsed } from "./recently-used.ts";

export interface GrpcCaller {
  call(endpoint: GrpcEndpoint, request: ValidateRequest, limits: CallLimits): Promise<Answer>;
  close(): Promise<void>;
}

const PATH = `/${ValidatorService.typeName}/${ValidatorService.method.validate.name}`;
const MOST_CHANNELS = 256;

/** Calls validators over gRPC, over one kept channel an endpoint. */
export function createGrpcCaller(ca: Buffer | undefined): GrpcCaller {
  const secure = credentials.createSsl(ca ?? null);
  const channels = createRecentlyUsed<Client>(MOST_CHANNELS, (client) => client.close());

  return {
    call(endpoint, request, { signal, untilMs }) {
      const client = channels.get(
        endpoint.url,
        () => new Client(targetOf(endpoint), endpoint.tls ? secure : credentials.createInsecure(), OPTIONS),
      );
      return new Promise((resolve, reject) => {
        const call = client.makeUnaryRequest(
          PATH,
          (bytes: Buffer) => bytes,
          (bytes: Buffer) => bytes,
          Buffer.from(toBinary(ValidateRequestSchema, request)),
          new Metadata(),
          { deadline: Date.now() + (untilMs - performance.now()) },
          (error: ServiceError | null, bytes: Buffer | undefined) => {
            signal.removeEventListener("abort", cancel);
            if (signal.aborted) reject(signal.reason);
            else resolve(error ? failed(endpoint, client, error) : read(bytes));
          },
        );
        const cancel = () => call.cancel();
        signal.addEventListener("abort", cancel, { once: true });
      });
    },
    close: async () => channels.clear(),
  };

  function failed(endpoint: GrpcEndpoint, client: Client, error: ServiceError): Answer {
    const found = grpcFailure(endpoint, error);
    // A channel that could not connect waits longer each time; a new one tries at once, so that an application that has come back
    // is reached by the next call.
    if (found.reason === "UNREACHABLE") channels.drop(endpoint.url, client);
    return found;
  }
}

const OPTIONS: ClientOptions = {
  "grpc.max_receive_message_length": MAX_ANSWER_BYTES,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1_000,
  // grpc-js would otherwise share a channel, and with it a wait, between clients.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
  "grpc.service_config_disable_resolution": 1,
  "grpc.enable_http_proxy": 0,
};

function targetOf({ address }: GrpcEndpoint): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  return `dns:${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
}

function read(bytes: Buffer | undefined): Answer {
  try {
    return { kind: "answer", message: fromBinary(ValidateResponseSchema, bytes ?? Buffer.alloc(0)) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return failure(
      "MALFORMED",
      `answered bytes that are no ValidateResponse (${why})`,
      "generate the server from dispatcher/validator/v1/validator_service.proto",
    );
  }
}
