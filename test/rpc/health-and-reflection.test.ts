import { fromBinary, type Message } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Client, type ClientDuplexStream, type ClientReadableStream, credentials } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DispatcherService } from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import { type ScratchSidecar, startScratchSidecar } from "./scratch-sidecar.ts";

let sidecar: ScratchSidecar;
let client: Client;
beforeAll(async () => {
  sidecar = await startScratchSidecar();
  client = new Client(sidecar.grpcAddress, credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await sidecar.stop();
});

const asIs = (bytes: Buffer) => bytes;
/** HealthCheckRequest and ServerReflectionRequest both are texts in numbered fields. */
const text = (field: number, value: string) =>
  Buffer.from(new BinaryWriter().tag(field, 2).string(value).finish());

describe("grpc.health.v1", () => {
  const SERVING = 1;
  const NOT_SERVING = 2;
  const statusOf = (bytes: Buffer) => (bytes.length === 0 ? 0 : bytes.readUInt8(1));
  const check = (service: string) =>
    new Promise<number>((resolve, reject) => {
      const path = "/grpc.health.v1.Health/Check";
      client.makeUnaryRequest(path, asIs, asIs, text(1, service), (error, bytes) =>
        bytes ? resolve(statusOf(bytes)) : reject(error),
      );
    });

  test("tells of the whole and of each service", async () => {
    const names = [
      "",
      "dispatcher.v1.DispatcherService",
      "dispatcher.v1.RegistryService",
      "dispatcher.v1.OperationsService",
    ];
    for (const [isServing, status] of [
      [false, NOT_SERVING],
      [true, SERVING],
      [false, NOT_SERVING],
    ] as const) {
      sidecar.grpc.setServing(isServing);
      for (const name of names) expect(await check(name)).toBe(status);
    }
    await expect(check("nonsense.Service")).rejects.toMatchObject({ code: 5 });
  });

  test("a watcher is told of a change", async () => {
    sidecar.grpc.setServing(false);
    const path = "/grpc.health.v1.Health/Watch";
    const watch: ClientReadableStream<Buffer> = client.makeServerStreamRequest(path, asIs, asIs, text(1, ""));
    const seen: number[] = [];
    for await (const bytes of watch) {
      seen.push(statusOf(bytes));
      if (seen.length === 1) sidecar.grpc.setServing(true);
      else break;
    }
    expect(seen).toEqual([NOT_SERVING, SERVING]);
  });
});

describe.each(["v1", "v1alpha"])("reflection %s", (version) => {
  /** The files that answer one request. */
  async function filesFor(field: number, value: string): Promise<FileDescriptorProto[]> {
    const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
    const stream: ClientDuplexStream<Buffer, Buffer> = client.makeBidiStreamRequest(path, asIs, asIs);
    stream.end(text(field, value));
    const files: FileDescriptorProto[] = [];
    for await (const answer of stream) {
      for (const response of fieldsOf(answer as Buffer, 4)) {
        files.push(...fieldsOf(response, 1).map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes)));
      }
    }
    return files;
  }

  test.each([
    "buf/validate/validate.proto",
    "google/rpc/error_details.proto",
    "google/rpc/status.proto",
    "google/protobuf/struct.proto",
    "dispatcher/v1/chain.proto",
  ])("has %s", async (name) => {
    const files = await filesFor(3, name);
    expect(files[0]?.name).toBe(name);
  });

  test("describes a service with the rules of its fields", async () => {
    const [file] = await filesFor(4, DispatcherService.typeName);
    expect(file?.service.map((service) => service.name)).toEqual(["DispatcherService"]);
    expect(file?.service[0]?.method.map((method) => method.name)).toEqual(
      DispatcherService.methods.map((method) => method.name),
    );
    const field = file?.messageType.find((message) => message.name === "SetChainStateRequest")?.field[1];
    const BUF_VALIDATE_FIELD = 1159;
    expect((field?.options as Message | undefined)?.$unknown?.map(({ no }) => no)).toEqual([
      BUF_VALIDATE_FIELD,
    ]);
  });
});

function fieldsOf(bytes: Uint8Array, wanted: number): Uint8Array[] {
  const reader = new BinaryReader(bytes);
  const found: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === wanted && wireType === 2) found.push(reader.bytes());
    else reader.skip(wireType);
  }
  return found;
}
