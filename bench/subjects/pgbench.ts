import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type pg from "pg";
import { type Load, type LoadResult, NotInstalled, type Subject } from "../measure/subject.ts";
import { createDatabase } from "../stage/database.ts";

const run = promisify(execFile);

/** All clients make equally many steps, which may be a few more than were asked for. */
const SPARE = 1_000;

/** PostgreSQL's own load generator: one prepared transaction for each step, one after another on each connection. */
export const pgbench: Subject = {
  name: "pgbench",
  guarantees:
    "Durable, one winner per version: one prepared statement updates a row by its version and inserts its event. Nobody is asked, and no call is answered.",
  async start({ databaseUrl }) {
    await run("pgbench", ["--version"]).catch(() => {
      throw new NotInstalled("pgbench is not installed; Debian has it in the package postgresql-contrib");
    });
    const database = await createDatabase(databaseUrl, "bench_pgbench");
    const { url, client } = database;
    const folder = await mkdtemp(join(tmpdir(), "dispatcher-pgbench-"));
    const script = join(folder, "step.sql");
    await writeFile(script, STEP);
    await client.query(TABLES);
    let answered = 0;
    let prepared = 0;
    let used = 0;
    return {
      processes: {},
      async prepare(operations) {
        await addChains(client, prepared, operations + SPARE);
        prepared += operations + SPARE;
      },
      async run(load) {
        const result = await step(url, folder, script, used, load);
        used += result.operations;
        answered += result.operations;
        return result;
      },
      async verify() {
        const { rows } = await client.query(
          "select count(*)::int as moves, count(distinct (chain_id, version))::int as steps from chain_event",
        );
        const { moves, steps } = rows[0];
        if (moves !== answered || steps !== answered)
          throw new Error(`pgbench: ${answered} answered, ${moves} moves kept, ${steps} different steps`);
      },
      async stop() {
        await database.drop();
        await rm(folder, { recursive: true, force: true });
      },
    };
  },
};

// Each client counts through chains of its own. A colon before a letter would be a variable.
const STEP = `\
\\set n :n + 1
\\set number :base + :client_id * :each + :n
with moved as (
  update chain set state = 'sent', version = version + 1, fence = fence + 1, update_time = clock_timestamp()
  where id = lpad(to_hex(:number::bigint), 32, '0')::uuid and version = 0
  returning id, version, update_time
)
insert into chain_event (id, chain_id, kind, is_move, version, transition, from_state, final_state, revision, evaluations, context,
  chain_after, requested_by, request_id, request_hash, attempt_id, reason, event_time)
select gen_random_uuid(), id, 'TRANSITIONED', true, version, 'send', 'new', 'sent', 1, :evaluations::json, :context::json,
  :chain_after::json, 'bench', gen_random_uuid()::text, md5(id::text) || md5(version::text), gen_random_uuid(), '',
  update_time
from moved;
`;

// As parameters, which is how a program sends them; written into the statement their colons would be pgbench's.
const CONSTANTS = {
  evaluations: '[{"transition": "send","verdict": "VALID","errors": [],"held": false,"durationMs": 1.25}]',
  context: '{"total": 42,"note": "ready"}',
  chain_after:
    '{"chainType": "order","resources": [["booking","123"]],"createTime": "2026-01-01T00:00:00.000Z","disabled": false}',
};

// As wide and as much indexed as the sidecar's; without its checks, which are cheap.
const TABLES = `
  create table chain (
    id uuid primary key, chain_type text collate "C" not null, key bytea not null unique, state text collate "C" not null,
    version bigint not null, fence bigint not null, disabled boolean not null, next_update_time timestamptz, claim_id uuid,
    claim_expiry timestamptz, create_time timestamptz not null, update_time timestamptz not null);
  create index on chain (chain_type, id);
  create index on chain (chain_type, state, id);
  create index on chain (id) where disabled;
  create index on chain (coalesce(next_update_time, '-infinity'), id) where not disabled and state <> 'done';
  create table chain_event (
    id uuid primary key, chain_id uuid not null, kind text not null, is_move boolean not null, version bigint not null,
    transition text, from_state text, final_state text, revision integer, evaluations json, context json,
    added_resources json, chain_after json, next_update_time timestamptz, requested_by text not null,
    request_id text collate "C", request_hash text, attempt_id uuid, reason text not null, event_time timestamptz not null);
  create unique index on chain_event (chain_id, version) where is_move;
  create unique index on chain_event (chain_id, request_id) where is_move;
  create index on chain_event (chain_id, version, is_move desc, id)`;

async function addChains(client: pg.Client, from: number, count: number): Promise<void> {
  await client.query(
    `insert into chain (id, chain_type, key, state, version, fence, disabled, create_time, update_time)
     select lpad(to_hex(i), 32, '0')::uuid, 'order', sha256(i::text::bytea), 'new', 0, 0, false, now(), now()
     from generate_series($1::int, $2::int) i`,
    [from + 1, from + count],
  );
}

async function step(
  url: string,
  folder: string,
  script: string,
  base: number,
  { operations, concurrency }: Load,
): Promise<LoadResult> {
  const each = Math.ceil(operations / concurrency);
  const variables = Object.entries({ ...CONSTANTS, base, each, n: 0 }).map(
    ([name, value]) => `--define=${name}=${value}`,
  );
  const options = ["--no-vacuum", "--protocol=prepared", `--client=${concurrency}`, "--jobs=1"];
  const { stdout } = await run(
    "pgbench",
    [...options, ...variables, `--transactions=${each}`, "--log", `--file=${script}`, url],
    { cwd: folder },
  ).catch(({ stderr }) => {
    throw new Error(`pgbench: ${stderr.slice(0, 500)}`);
  });
  const rate = /tps = ([\d.]+) \(without initial connection time\)/.exec(stdout)?.[1];
  if (!rate || /number of failed transactions: [1-9]/.test(stdout)) throw new Error(`pgbench:\n${stdout}`);
  const done = each * concurrency;
  return { operations: done, seconds: done / Number(rate), latenciesMs: await takeLatencies(folder) };
}

/** One line for each transaction: client, number, microseconds, and more. */
async function takeLatencies(folder: string): Promise<number[]> {
  const latenciesMs: number[] = [];
  for (const name of await readdir(folder)) {
    if (!name.startsWith("pgbench_log.")) continue;
    const file = join(folder, name);
    for (const line of (await readFile(file, "utf8")).split("\n")) {
      const micros = line.split(" ")[2];
      if (micros) latenciesMs.push(Number(micros) / 1000);
    }
    await rm(file);
  }
  return latenciesMs;
}
