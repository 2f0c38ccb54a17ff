import { randomUUID } from "node:crypto";
import type { Subject } from "../measure/subject.ts";
import { startChildServer } from "../stage/child-server.ts";
import { createDatabase } from "../stage/database.ts";
import { EXECUTE_PATH, executeRequest, times } from "../stage/requests.ts";
import { underLoad } from "./under-load.ts";

/** The shortest durable way: what no program with these drivers can undercut by much for one caller. */
export const floor: Subject = {
  name: "floor",
  guarantees:
    "Durable, one winner per version; no order of validators, no repetition, no history of verdicts, no recovery of a lost answer.",
  async start({ databaseUrl, validatorUrl }) {
    const database = await createDatabase(databaseUrl, "bench_floor");
    const { url, client } = database;
    await client.query(`
      create table chain (id uuid primary key, state text not null, version bigint not null, update_time timestamptz not null);
      create table chain_event (id uuid primary key, chain_id uuid not null, version bigint not null, context json not null,
        requested_by text not null, request_id text not null, unique (chain_id, version))`);
    const server = await startChildServer("subjects/floor-process.ts", validatorUrl, url);
    return underLoad({
      pid: server.pid,
      port: server.port,
      path: EXECUTE_PATH,
      async messages(operations) {
        const ids = times(operations, () => randomUUID());
        await client.query("insert into chain select id, 'new', 0, now() from unnest($1::uuid[]) as id", [
          ids,
        ]);
        return ids.map((id) => executeRequest(id));
      },
      async verify(answered) {
        const { rows } = await client.query("select count(*)::int as moves from chain_event");
        if (rows[0].moves !== answered) throw new Error(`floor: ${answered} answered, ${rows[0].moves} kept`);
      },
      async stop() {
        await server.stop();
        await database.drop();
      },
    });
  },
};
