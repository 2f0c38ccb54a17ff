import type { MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import {
  type ValidateRequestSchema,
  type ValidateResponseSchema,
  ValidatorService,
  Verdict,
} from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { TRACE_RESOURCE } from "./chain-key.ts";
import { grpcMethod } from "./grpc-method.ts";

type Question = MessageShape<typeof ValidateRequestSchema>;
type Answer = MessageInitShape<typeof ValidateResponseSchema>;

/** A validator that answers from the log whether a transition is the case's next event. */
export interface LogValidator {
  /** Where the sidecar asks it. */
  readonly url: string;
  /** Makes it answer about one case's chain, until `forget`. It knows no others, so that memory does not grow with the log. */
  know(trace: number, steps: readonly string[]): void;
  forget(trace: number): void;
  stop(): void;
}

/** Serves the validator on a free loopback port. */
export async function serveLogValidator(): Promise<LogValidator> {
  const known = new Map<string, readonly string[]>();
  const server = new Server();
  const validate = (call: ServerUnaryCall<Question, Answer>, respond: sendUnaryData<Answer>) => {
    const trace = call.request.chain?.resources.find(({ resourceType }) => resourceType === TRACE_RESOURCE);
    const steps = known.get(trace?.resourceId ?? "");
    if (steps) respond(null, answer(call.request, steps));
    // "Could not tell" is never "no": no chain may be held because of a question that came too late.
    else respond({ code: status.NOT_FOUND, details: "this case is not being replayed now" });
  };
  server.addService({ validate: grpcMethod(ValidatorService.method.validate) }, { validate });
  const port = await listen(server);
  return {
    url: `grpc://127.0.0.1:${port}`,
    know: (trace, steps) => known.set(String(trace), steps),
    forget: (trace) => known.delete(String(trace)),
    stop: () => server.forceShutdown(),
  };
}

/** A chain's version is the number of its moves, so it is the place in the log as well. */
function answer({ chain, finalState }: Question, steps: readonly string[]): Answer {
  const next = steps[Number(chain?.version)];
  if (next === finalState) return { verdict: Verdict.VALID };
  return { verdict: Verdict.INVALID, errors: [next ? `next in the log: ${next}` : "the log ends here"] };
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    );
  });
}
