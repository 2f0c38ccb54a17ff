import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type Callback as CallbackMessage,
  CallbackMode,
  type ChainType as ChainTypeMessage,
  type ChainTypeRevisionSchema,
  ChainTypeSchema,
  type Endpoint as EndpointMessage,
  EvaluationMode,
  OnError,
} from "../../../gen/ts/dispatcher/v1/chain_type_pb.ts";
import type { Callback, ChainType, ChainTypeRevision, Endpoint } from "../../domain/chain-type.ts";
import { durationFromProto, durationToProto, timeToProto } from "./time.ts";

export function chainTypeFromProto(message: ChainTypeMessage): ChainType {
  return {
    name: message.name,
    transitions: message.transitions.map(({ name, finalState, validator, callback, onError, delay }) => ({
      name,
      finalState,
      validator: endpointFromProto(validator),
      callback: callbackFromProto(callback),
      onError: onError === OnError.SKIP ? "SKIP" : "STOP",
      // A delay of nothing is no delay: both must have one content hash.
      delayMs: durationFromProto(delay) || undefined,
    })),
    states: message.states.map(({ name, transitions, replacedBy }) => ({
      name,
      transitions,
      replacedBy: replacedBy || undefined,
    })),
    validator: endpointFromProto(message.validator),
    callback: callbackFromProto(message.callback),
    evaluation: message.evaluation === EvaluationMode.PARALLEL ? "PARALLEL" : "SEQUENTIAL",
    autoExecute: message.autoExecute && {
      recheckIntervalMs: durationFromProto(message.autoExecute.recheckInterval),
      recheckMaxMs: durationFromProto(message.autoExecute.recheckMax),
    },
    retention: message.retention && {
      deleteEventsAfterMs: durationFromProto(message.retention.deleteEventsAfter),
      forgetAfterMs: durationFromProto(message.retention.forgetAfter),
    },
  };
}

function chainTypeToProto(chainType: ChainType): ChainTypeMessage {
  const { name, transitions, states, validator, callback, evaluation, autoExecute, retention } = chainType;
  return create(ChainTypeSchema, {
    name,
    transitions: transitions.map((transition) => ({
      name: transition.name,
      finalState: transition.finalState,
      ...(transition.validator && { validator: endpointToProto(transition.validator) }),
      ...(transition.callback && { callback: callbackToProto(transition.callback) }),
      onError: transition.onError === "SKIP" ? OnError.SKIP : OnError.STOP,
      delay: durationToProto(transition.delayMs),
    })),
    states: states.map((state) => ({
      name: state.name,
      transitions: [...state.transitions],
      replacedBy: state.replacedBy ?? "",
    })),
    ...(validator && { validator: endpointToProto(validator) }),
    ...(callback && { callback: callbackToProto(callback) }),
    evaluation: evaluation === "PARALLEL" ? EvaluationMode.PARALLEL : EvaluationMode.SEQUENTIAL,
    ...(autoExecute && {
      autoExecute: {
        recheckInterval: durationToProto(autoExecute.recheckIntervalMs),
        recheckMax: durationToProto(autoExecute.recheckMaxMs),
      },
    }),
    ...(retention && {
      retention: {
        deleteEventsAfter: durationToProto(retention.deleteEventsAfterMs),
        forgetAfter: durationToProto(retention.forgetAfterMs),
      },
    }),
  });
}

export function revisionToProto(
  revision: ChainTypeRevision,
): MessageInitShape<typeof ChainTypeRevisionSchema> {
  return {
    chainType: chainTypeToProto(revision.chainType),
    revision: BigInt(revision.revision),
    contentHash: revision.contentHash,
    createTime: timeToProto(revision.createTime),
  };
}

export function endpointToProto({ url, timeoutMs }: Endpoint) {
  return { url, timeout: durationToProto(timeoutMs) };
}

export function callbackToProto({ endpoint, mode }: Callback) {
  return { endpoint: endpointToProto(endpoint), mode: CallbackMode[mode] };
}

function endpointFromProto(message: EndpointMessage | undefined): Endpoint | undefined {
  return message && { url: message.url, timeoutMs: durationFromProto(message.timeout) };
}

function callbackFromProto(message: CallbackMessage | undefined): Callback | undefined {
  const endpoint = endpointFromProto(message?.endpoint);
  if (!message || !endpoint) return undefined;
  return { endpoint, mode: message.mode === CallbackMode.BEFORE_COMMIT ? "BEFORE_COMMIT" : "AFTER_COMMIT" };
}
