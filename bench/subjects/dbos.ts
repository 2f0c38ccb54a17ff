import { randomUUID } from "node:crypto";
import type { Subject } from "../measure/subject.ts";
import { installRivals } from "../rivals/install-rivals.ts";
import { startChildServer } from "../stage/child-server.ts";
import { createDatabase } from "../stage/database.ts";
import { EXECUTE_PATH, executeRequest, times } from "../stage/requests.ts";
import { underLoad } from "./under-load.ts";

/** The same step with a library for durable workflows, on the same PostgreSQL. */
export const dbos: Subject = {
  name: "dbos",
  guarantees:
    "Durable, one winner per version, the validator's answer kept, a repetition gets the recorded answer, an interrupted call is resumed (a step may then run twice); no history but its own records of steps.",
  async start({ databaseUrl, validatorUrl }) {
    await installRivals();
    const database = await createDatabase(databaseUrl, "bench_dbos");
    const { url, client } = database;
    await client.query(
      "create table chain (id uuid primary key, state text not null, version bigint not null, request_id text, update_time timestamptz not null)",
    );
    const server = await startChildServer("rivals/dbos-service.ts", validatorUrl, url);
    return underLoad({
      pid: server.pid,
      port: server.port,
      path: EXECUTE_PATH,
      async messages(operations) {
        const ids = times(operations, () => randomUUID());
        await client.query(
          "insert into chain select id, 'new', 0, null, now() from unnest($1::uuid[]) as id",
          [ids],
        );
        return ids.map((id) => executeRequest(id));
      },
      async verify(answered) {
        const { rows } = await client.query(`
          select
            (select count(*)::int from chain where state = 'sent' and version = 1) as moves,
            (select count(*)::int from dbos.workflow_status where status = 'SUCCESS') as workflows`);
        const { moves, workflows } = rows[0];
        if (moves !== answered || workflows !== answered)
          throw new Error(`dbos: ${answered} answered, ${moves} moves and ${workflows} workflows kept`);
      },
      async stop() {
        await server.stop();
        await database.drop();
      },
    });
  },
};
