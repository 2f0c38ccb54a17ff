import { type DescFile, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { ReflectionService } from "@grpc/reflection";
import { file_google_rpc_error_details } from "../../gen/ts/google/rpc/error_details_pb.ts";
import { file_google_rpc_status } from "../../gen/ts/google/rpc/status_pb.ts";

/**
 * Reflection (v1 and v1alpha) of these services, with every file that they import and those of the error details.
 */
export function createReflection(services: readonly DescService[]): ReflectionService {
  const files = new Set<DescFile>();
  for (const service of services) addWithImports(service.file, files);
  for (const file of [file_google_rpc_error_details, file_google_rpc_status]) addWithImports(file, files);

  const fileDescriptorProtos = [...files].map((file) =>
    Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)),
  );
  // It reads only the files of what is listed here.
  const definition = { dispatcher: { fileDescriptorProtos } } as unknown as ConstructorParameters<
    typeof ReflectionService
  >[0];
  return new ReflectionService(definition);
}

function addWithImports(file: DescFile, files: Set<DescFile>): void {
  if (files.has(file)) return;
  for (const imported of file.dependencies) addWithImports(imported, files);
  files.add(file);
}
