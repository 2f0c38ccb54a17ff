import type { JsonObject as StructMessage } from "@bufbuild/protobuf";
import type { JsonObject } from "../../domain/json.ts";

/** protobuf-es holds a Struct as plain JSON, as the domain does; only the types' readonly differs. */
export function structToProto(value: JsonObject): StructMessage {
  return value as StructMessage;
}

export function structFromProto(message: StructMessage | undefined): JsonObject {
  return message ?? {};
}
