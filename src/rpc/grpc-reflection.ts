import { type DescFile, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { ReflectionService } from "@grpc/reflection";
import { file_google_rpc_error_details } from "../../gen/ts/google/rpc/error_details_pb.ts";
import { file_google_rpc_status } from "../../gen/ts/google/rpc/status_pb.ts";

/** Reflection (v1 and v1alpha) of these services, with every file that they import and those of the error details. */
export function createReflection(services: readonly DescService[]): ReflectionService {
  const files = new Set<DescFile>();
  for (const service of services) addWithImports(service.file, files);
  for (const file of [file_google_rpc_error_details, file_google_rpc_status]) addWithImports(file, files);

  const bytesOf = new Map(
    [...files].map(({ proto }) => [proto.name, Buffer.from(toBinary(FileDescriptorProtoSchema, proto))]),
  );
  // Of a definition it reads only the files.
  const definition = { dispatcher: { fileDescriptorProtos: [...bytesOf.values()] } } as unknown;
  const reflection = new ReflectionService(definition as ConstructorParameters<typeof ReflectionService>[0]);
  for (const version of [reflection["v1"], reflection["v1Alpha"]]) keepOptions(version, bytesOf);
  return reflection;
}

interface ReflectionVersion {
  readonly files: Readonly<Record<string, object>>;
  readonly fileEncodings: Map<object, Uint8Array>;
}

/**
 * The package writes each file anew and drops the options that it does not know. The rules of the fields (buf.validate) are such
 * options, and tell a client what it may send.
 */
function keepOptions(version: ReflectionVersion, bytesOf: ReadonlyMap<string, Uint8Array>): void {
  for (const [name, bytes] of bytesOf) {
    const file = version.files[name];
    if (file) version.fileEncodings.set(file, bytes);
  }
}

function addWithImports(file: DescFile, files: Set<DescFile>): void {
  if (files.has(file)) return;
  for (const imported of file.dependencies) addWithImports(imported, files);
  files.add(file);
}
