import type pg from "pg";
import { v7 as uuidv7 } from "uuid";
import { chainKey } from "../../src/domain/chain-key.ts";
import { times } from "../stage/requests.ts";

const CHUNK = 20_000;
let made = 0;

/** Creates chains with one resource each, as GetOrCreateChain does, and returns their ids and their resource's. */
export async function createChains(
  client: pg.Client,
  chainType: string,
  count: number,
): Promise<{ ids: string[]; resourceIds: string[] }> {
  const ids: string[] = [];
  const resourceIds: string[] = [];
  for (let from = 0; from < count; from += CHUNK) {
    const chunk = Math.min(CHUNK, count - from);
    const someIds = times(chunk, () => uuidv7());
    const someResources = times(chunk, () => `${process.pid}-${made++}`);
    const keys = someResources.map((resourceId) =>
      chainKey(chainType, [{ resourceType: "booking", resourceId }]),
    );
    await client.query(
      `with chain as (
         insert into dispatcher.chain (id, chain_type, key, state, version, fence, disabled, create_time, update_time)
         select id, $4, key, 'new', 0, 0, false, now(), now() from unnest($1::uuid[], $2::bytea[]) as c (id, key)
       )
       insert into dispatcher.chain_resource (chain_id, resource_type, resource_id)
       select id, 'booking', resource_id from unnest($1::uuid[], $3::text[]) as r (id, resource_id)`,
      [someIds, keys, someResources, chainType],
    );
    ids.push(...someIds);
    resourceIds.push(...someResources);
  }
  return { ids, resourceIds };
}

/** Chains that nobody works on: their keys are as random as real ones, their ids as much in the order of time. */
export async function fillWithChains(client: pg.Client, chainType: string, count: number): Promise<void> {
  await client.query(
    `with number as materialized (
       select (lpad(to_hex(1700000000000 + i), 12, '0') || '7' || substr(md5(i::text), 1, 3) || '8' || substr(md5(i::text), 4, 15))::uuid as id, i
       from generate_series(1, $2::int) i
     ), chain as (
       insert into dispatcher.chain (id, chain_type, key, state, version, fence, disabled, create_time, update_time)
       select id, $1, sha256(i::text::bytea), 'new', 0, 0, false, now(), now() from number
     )
     insert into dispatcher.chain_resource (chain_id, resource_type, resource_id)
     select id, 'booking', 'other-' || i from number`,
    [chainType, count],
  );
  await client.query("vacuum (analyze) dispatcher.chain");
  await client.query("vacuum (analyze) dispatcher.chain_resource");
}

/** Refuses histories that are not exactly one legal move for each answer: none lost, none doubled, no gap. */
export async function verifyMoves(client: pg.Client, answered: number): Promise<void> {
  const { rows } = await client.query(`
    select
      (select count(*)::int from dispatcher.chain_event where is_move) as moves,
      (select count(distinct (chain_id, version))::int from dispatcher.chain_event where is_move) as steps,
      (select coalesce(sum(version), 0)::int from dispatcher.chain) as versions,
      (select count(*)::int from dispatcher.chain c where c.version > 0 and not exists (
         select from dispatcher.chain_event e where e.chain_id = c.id and e.is_move and e.version = c.version
           and e.final_state = c.state and e.from_state = 'new' and e.request_id is not null)) as strays`);
  const { moves, steps, versions, strays } = rows[0];
  if (moves !== answered || steps !== answered || versions !== answered || strays !== 0) {
    throw new Error(
      `the histories do not match: ${answered} answered, ${moves} moves kept, ${steps} different steps, versions add up to ${versions}, ${strays} chains whose history is not theirs`,
    );
  }
}
