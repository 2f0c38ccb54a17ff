import { DispatcherService } from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import { executeAnswer } from "../stage/execute-answer.ts";
import { serve, serveAsChild } from "../stage/grpc-server.ts";
import { createValidatorCall } from "../stage/validator-call.ts";

// argv: the validator, and how many say no before the one that says yes; "parallel" asks all at once.
const [, , validatorUrl = "", before = "0", order = "sequential"] = process.argv;
const ask = createValidatorCall(validatorUrl);
const transitions = [...Array.from({ length: Number(before) }, (_, index) => `no-${index}`), "send"];

serveAsChild([
  serve(DispatcherService.method.execute, async ({ chain, requestedBy, requestId }) => {
    const chainId = chain?.value.case === "id" ? chain.value.value : "";
    const questions = transitions.map((transition) => ({ chainId, transition, requestedBy }));
    if (order === "parallel") {
      const answers = await Promise.all(questions.map(ask));
      return executeAnswer(chainId, requestedBy, requestId, answers.at(-1)?.context ?? {});
    }
    let context = {};
    for (const question of questions) context = (await ask(question)).context ?? {};
    return executeAnswer(chainId, requestedBy, requestId, context);
  }),
]);
