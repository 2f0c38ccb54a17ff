import { CallbackMode } from "../../../gen/ts/dispatcher/v1/chain_type_pb.ts";
import type {
  RegisterCallbackRequest,
  RegisterValidatorRequest,
} from "../../../gen/ts/dispatcher/v1/registry_service_pb.ts";
import type { EndpointRegistration } from "../../engine/register-endpoint.ts";
import { durationFromProto } from "./time.ts";

export function validatorRegistrationFromProto(request: RegisterValidatorRequest): EndpointRegistration {
  const { chainType, transitions, endpoint, timeout } = request;
  const value = { url: endpoint, timeoutMs: durationFromProto(timeout) };
  return { kind: "validator", chainType, transitions, value };
}

export function callbackRegistrationFromProto(request: RegisterCallbackRequest): EndpointRegistration {
  const { chainType, transitions, endpoint, timeout } = request;
  const mode = request.mode === CallbackMode.BEFORE_COMMIT ? "BEFORE_COMMIT" : "AFTER_COMMIT";
  const value = { endpoint: { url: endpoint, timeoutMs: durationFromProto(timeout) }, mode } as const;
  return { kind: "callback", chainType, transitions, value };
}
