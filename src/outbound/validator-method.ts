import { fromBinary, toBinary, toJsonString } from "@bufbuild/protobuf";
import {
  type ValidateRequest,
  ValidateRequestSchema,
  type ValidateResponse,
  ValidateResponseSchema,
  ValidatorService,
} from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { failure, quoted } from "./failure.ts";
import { grpcFailure } from "./grpc-failure.ts";
import type { HostMethod } from "./host-method.ts";
import { httpFailure } from "./http-failure.ts";
import { GIVEN_UP, type Reply } from "./reply.ts";
import { readValidatorJson } from "./validator-json.ts";

/** How validators are asked. */
export const validatorMethod: HostMethod<ValidateRequest, ValidateResponse> = {
  service: ValidatorService.typeName,
  method: ValidatorService.method.validate.name,
  server: "validator",
  isRepeatable: true,
  maxAnswerBytes: 64 * 1024,
  idleMs: 30_000,
  insteadOfRefusing: {
    grpc: 'a "no" is the status OK with VERDICT_INVALID, never an error status',
    http: 'a "no" is 200 with VERDICT_INVALID, never an error status',
  },
  insteadOfMuch: "put references into the context instead of documents",
  toBytes: (request) => toBinary(ValidateRequestSchema, request),
  toJson: (request) => toJsonString(ValidateRequestSchema, request),
  readGrpc: (endpoint, ended, heard) =>
    heard.givenUp
      ? GIVEN_UP
      : (grpcFailure(endpoint, ended, heard, validatorMethod) ?? readMessage(heard.messages[0])),
  isWholeAnswer: () => false,
  readHttp: (endpoint, heard) => {
    switch (heard.end) {
      case "given up":
        return GIVEN_UP;
      case "broken":
        return httpFailure(endpoint, heard, validatorMethod);
      default:
        return readValidatorJson(heard, validatorMethod);
    }
  },
};

function readMessage(message: Buffer | undefined): Reply<ValidateResponse> {
  if (!message) return failure("MALFORMED", "answered OK without a message", "answer a ValidateResponse");
  try {
    return { kind: "answer", answer: fromBinary(ValidateResponseSchema, message) };
  } catch (error) {
    return failure(
      "MALFORMED",
      `answered something that is not a ValidateResponse (${quoted(String(error))})`,
      "generate the server from dispatcher/validator/v1/validator_service.proto",
    );
  }
}
