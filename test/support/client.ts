import { connect } from "node:net";
import { type Client, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { expect } from "vitest";
import { DispatcherService } from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import { OperationsService } from "../../gen/ts/dispatcher/v1/operations_service_pb.ts";
import { RegistryService } from "../../gen/ts/dispatcher/v1/registry_service_pb.ts";
import { ErrorInfoSchema } from "../../gen/ts/google/rpc/error_details_pb.ts";

export interface Clients {
  readonly dispatcher: Client<typeof DispatcherService>;
  readonly registry: Client<typeof RegistryService>;
  readonly operations: Client<typeof OperationsService>;
}

/** Clients of the gRPC listener at `host:port`, or behind a unix socket. */
export function createClients(address: string, socketPath?: string): Clients {
  const nodeOptions = socketPath === undefined ? {} : { createConnection: () => connect(socketPath) };
  return clientsOver(createGrpcTransport({ baseUrl: `http://${address}`, nodeOptions }));
}

/** Clients of the HTTP listener, speaking JSON. */
export function createJsonClients(address: string): Clients {
  return clientsOver(
    createConnectTransport({ baseUrl: `http://${address}`, httpVersion: "1.1", useBinaryFormat: false }),
  );
}

/** The reason that every error status carries; empty if this one has none. */
export function reasonOf(error: unknown): string {
  const [info] = ConnectError.from(error).findDetails(ErrorInfoSchema);
  return info?.reason ?? "";
}

function clientsOver(transport: Transport): Clients {
  return {
    dispatcher: createClient(DispatcherService, transport),
    registry: createClient(RegistryService, transport),
    operations: createClient(OperationsService, transport),
  };
}

/** The error of a call that is to be refused, with this code and reason. */
export async function expectRefusal(
  call: Promise<unknown>,
  code: Code,
  reason: string,
): Promise<ConnectError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => ConnectError.from(thrown),
  );
  expect([error && Code[error.code], reasonOf(error)], error?.rawMessage).toEqual([Code[code], reason]);
  return error as ConnectError;
}
