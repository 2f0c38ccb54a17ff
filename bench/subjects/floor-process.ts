import pg from "pg";
import { DispatcherService } from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import { Verdict } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { executeAnswer } from "../stage/execute-answer.ts";
import { serve, serveAsChild } from "../stage/grpc-server.ts";
import { createValidatorCall } from "../stage/validator-call.ts";

// The least that a program must do to take one durable, validated step with the same drivers: read, ask, commit.
const [, , validatorUrl = "", databaseUrl = ""] = process.argv;
const ask = createValidatorCall(validatorUrl);
const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 });

serveAsChild([
  serve(DispatcherService.method.execute, async ({ chain, requestedBy, requestId }) => {
    const id = chain?.value.case === "id" ? chain.value.value : "";
    const { rows } = await pool.query({
      name: "read",
      text: "select state, version from chain where id = $1",
      values: [id],
    });
    const { verdict, context = {} } = await ask({ chainId: id, transition: "send", requestedBy });
    if (verdict !== Verdict.VALID) throw new Error(`${verdict}`);
    const { rowCount } = await pool.query({
      name: "commit",
      text: `with moved as (
          update chain set state = 'sent', version = version + 1, update_time = now()
          where id = $1 and version = $2 returning id, version
        )
        insert into chain_event (id, chain_id, version, context, requested_by, request_id)
        select gen_random_uuid(), id, version, $3, $4, $5 from moved`,
      values: [id, rows[0]?.version, JSON.stringify(context), requestedBy, requestId],
    });
    if (rowCount !== 1) throw new Error("lost");
    return executeAnswer(id, requestedBy, requestId, context);
  }),
]);
