import { status } from "@grpc/grpc-js";
import { CallbackService } from "../../gen/ts/dispatcher/callback/v1/callback_service_pb.ts";
import { type EffectMessage, messageToBytes, messageToJson } from "./effect.ts";
import type { Failure } from "./failure.ts";
import { grpcFailure } from "./grpc-failure.ts";
import type { HostMethod } from "./host-method.ts";
import { httpFailure, httpStatusFailure } from "./http-failure.ts";
import { type HttpHeard, header } from "./http-heard.ts";
import type { Reply } from "./reply.ts";
import { readRetryAfter } from "./retry-after.ts";

/** One attempt to deliver an effect. */
export interface Attempt {
  readonly message: EffectMessage;
  /** The first one is 1. */
  readonly attempt: number;
}

const DONE: Reply<undefined> = { kind: "answer", answer: undefined };

/** How effects are delivered. The status is the answer: "done" or not; no body changes it. */
export const callbackMethod: HostMethod<Attempt, undefined> = {
  service: CallbackService.typeName,
  method: CallbackService.method.handleTransition.name,
  server: "callback receiver",
  isRepeatable: false,
  maxAnswerBytes: 16 * 1024,
  // Less than web servers keep an idle connection for: one that is closed just as a request goes out leaves open whether that
  // was carried out.
  idleMs: 1500,
  insteadOfRefusing: {
    grpc: "see the callback receiver's log; the status OK is what means that the effect is done",
    http: "see the callback receiver's log; a status from 200 to 299 is what means that the effect is done",
  },
  insteadOfMuch: "answer a HandleTransitionResponse, which is empty",
  toBytes: ({ message }) => messageToBytes(message),
  toJson: ({ message }) => messageToJson(message),
  headersOf: ({ attempt }) => ({ "dispatcher-attempt": String(attempt) }),
  readGrpc: (endpoint, ended, heard) => {
    if (ended.code === status.OK) return DONE;
    if (heard.givenUp) return { kind: "given up", isSent: heard.isSent };
    return grpcFailure(endpoint, ended, heard, callbackMethod) ?? DONE;
  },
  isWholeAnswer: isSuccess,
  readHttp: (endpoint, heard) => {
    if (isSuccess(heard.status)) return DONE;
    if (heard.status !== 0) return refusal(heard);
    return heard.end === "given up"
      ? { kind: "given up", isSent: heard.isSent }
      : httpFailure(endpoint, heard, callbackMethod);
  },
};

function isSuccess(httpStatus: number): boolean {
  return httpStatus >= 200 && httpStatus < 300;
}

function refusal(heard: HttpHeard): Failure {
  const refused = httpStatusFailure(heard, callbackMethod);
  return {
    ...refused,
    // With these a server, or a proxy before it, says that its time was up.
    reason: heard.status === 408 || heard.status === 504 ? "TIMEOUT" : refused.reason,
    retryAfterMs: readRetryAfter(header(heard, "retry-after")),
  };
}
