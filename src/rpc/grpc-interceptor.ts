import type { Code } from "@connectrpc/connect";
import { type ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";
import type { Refusal } from "../domain/refusal.ts";
import { DETAILS_HEADER, grpcStatus } from "./grpc-status.ts";
import type { Pipeline } from "./pipeline.ts";
import { malformed, transportRefusal } from "./transport-refusal.ts";

/**
 * Gives the errors that grpc-js answers by itself (deadline, message size, unreadable timeout, wrong number of messages) the
 * same form as all others.
 *
 * It changes the call instead of wrapping it, because those answers do not pass through a wrapper. `paths` are the methods of our
 * own services; health and reflection keep their answers.
 */
export function describeTransportErrors(paths: ReadonlySet<string>, pipeline: Pipeline): ServerInterceptor {
  return (method, call) => {
    if (paths.has(method.path)) {
      const send = call.sendStatus.bind(call);
      call.sendStatus = (answer) => {
        const isDescribed =
          answer.code === status.OK || (answer.metadata?.get(DETAILS_HEADER).length ?? 0) > 0;
        if (isDescribed) return send(answer);
        const refusal = refusalOf(answer.code, answer.details);
        return send(grpcStatus(pipeline.refuse("grpc", method.path.slice(1), refusal)));
      };
    }
    return call as ServerInterceptingCall;
  };
}

function refusalOf(code: status, details: string): Refusal {
  if (code === status.INTERNAL && UNREADABLE.some((beginning) => details.startsWith(beginning))) {
    return malformed(details);
  }
  return transportRefusal(code as number as Code, details);
}

/** What grpc-js calls internal, though it is the caller who sent it. */
const UNREADABLE = ["Invalid grpc-timeout", "Failed to decompress message"];
