import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { DispatcherService } from "../../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import { OperationsService } from "../../../gen/ts/dispatcher/v1/operations_service_pb.ts";
import { RegistryService } from "../../../gen/ts/dispatcher/v1/registry_service_pb.ts";

export interface DispatcherClient {
  readonly dispatcher: Client<typeof DispatcherService>;
  readonly registry: Client<typeof RegistryService>;
  readonly operations: Client<typeof OperationsService>;
}

/** A client of the sidecar at `host:port`. It connects at the first call. */
export function createDispatcherClient(address: string): DispatcherClient {
  const transport = createGrpcTransport({ baseUrl: `http://${address}`, defaultTimeoutMs: 30_000 });
  return {
    dispatcher: createClient(DispatcherService, transport),
    registry: createClient(RegistryService, transport),
    operations: createClient(OperationsService, transport),
  };
}
