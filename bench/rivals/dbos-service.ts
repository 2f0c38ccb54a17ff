import { DBOS } from "@dbos-inc/dbos-sdk";
import pg from "pg";
import { DispatcherService } from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import { executeAnswer } from "../stage/execute-answer.ts";
import { serve, serveAsChild } from "../stage/grpc-server.ts";
import { createValidatorCall } from "../stage/validator-call.ts";

// The library uses its driver in a way that the driver warns of.
process.noDeprecation = true;

// One workflow for each request, under the request's id, so that a repetition gets the same answer. Asking is one step,
// writing the new state another: the transactions of its datasource packages are for version 4 of it, which is slower.
const [, , validatorUrl = "", databaseUrl = ""] = process.argv;
const ask = createValidatorCall(validatorUrl);
const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 });

const validate = async (chainId: string, requestedBy: string) => {
  const answer = await ask({ chainId, transition: "send", requestedBy });
  return answer.context ?? {};
};

// A step is repeated after a crash, so the move says whose it is.
const move = async (chainId: string, requestId: string | undefined) => {
  const { rowCount } = await pool.query({
    name: "move",
    text: `update chain set state = 'sent', version = 1, request_id = $2, update_time = now()
      where id = $1 and (version = 0 or request_id = $2)`,
    values: [chainId, requestId],
  });
  if (rowCount !== 1) throw new Error("lost");
};

const execute = DBOS.registerWorkflow(
  async (chainId: string, requestedBy: string) => {
    const context = await DBOS.runStep(() => validate(chainId, requestedBy), { name: "validate" });
    await DBOS.runStep(() => move(chainId, DBOS.workflowID), { name: "move" });
    return context;
  },
  { name: "execute" },
);

DBOS.setConfig({
  name: "bench",
  applicationVersion: "1",
  systemDatabaseUrl: databaseUrl,
  logLevel: "error",
});
await DBOS.launch();

serveAsChild([
  serve(DispatcherService.method.execute, async ({ chain, requestedBy, requestId }) => {
    const chainId = chain?.value.case === "id" ? chain.value.value : "";
    const workflow = await DBOS.startWorkflow(execute, { workflowID: requestId })(chainId, requestedBy);
    return executeAnswer(chainId, requestedBy, requestId, await workflow.getResult());
  }),
]);
