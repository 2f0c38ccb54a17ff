import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import {
  ValidateRequestSchema,
  type ValidateResponse,
  ValidateResponseSchema,
} from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";

/** What a program that asks by itself tells the validator. */
export interface Question {
  readonly chainId: string;
  readonly transition: string;
  readonly requestedBy: string;
}

/** A call of the validator at `grpc://host:port` as a plain user of grpc-js makes it. */
export function createValidatorCall(url: string): (question: Question) => Promise<ValidateResponse> {
  const client = new Client(url.replace("grpc://", "dns:"), credentials.createInsecure());
  return ({ chainId, transition, requestedBy }) => {
    const request = create(ValidateRequestSchema, {
      chain: {
        id: chainId,
        chainType: "order",
        state: "new",
        resources: [{ resourceType: "booking", resourceId: chainId }],
      },
      transition,
      fromState: "new",
      finalState: "sent",
      requestedBy,
      attemptId: chainId,
    });
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        "/dispatcher.validator.v1.ValidatorService/Validate",
        (message: typeof request) => Buffer.from(toBinary(ValidateRequestSchema, message)),
        (bytes: Buffer) => fromBinary(ValidateResponseSchema, bytes),
        request,
        new Metadata(),
        { deadline: Date.now() + 2000 },
        (error, answer) => (answer ? resolve(answer) : reject(error)),
      );
    });
  };
}
