import type { SeededBug } from "../seeded-bug.ts";

const TAKE = "src/store/take-deliveries.ts";
const OUTBOX_TESTS = ["test/store/outbox.test.ts"];

/** Effects after the commit (R17). */
export const outboxBugs: readonly SeededBug[] = [
  {
    name: "outbox-outside-the-transaction",
    guard: "R17, I13: a move and the message of its effect are committed together",
    edits: [
      {
        file: "src/store/commit-moves.ts",
        find: "  return writeHeld(database, commitMovesStatement, moves, resultFromRow);\n",
        replace: `  const bare = moves.map((move) => ({
    ...move,
    row: JSON.stringify({ ...JSON.parse(move.row), message: undefined }),
  }));
  return writeHeld(database, commitMovesStatement, bare, resultFromRow).then(async (results) => {
    for (const [at, result] of results.entries()) {
      const move = JSON.parse(moves[at]?.row ?? "");
      if (result.kind === "moved" && move.message)
        await database.query(
          \`insert into \${database.schema}.outbox_message (chain_id, version, chain_type, transition, fencing_token,
             body, state, next_attempt_time, create_time)
           select id, $2::bigint + 1, chain_type, $3, fence, decode($4, 'base64'), 'PENDING', update_time, update_time
           from \${database.schema}.chain where id = $1\`,
          [move.chain_id, move.version, move.transition, move.message],
        );
    }
    return results;
  });
`,
      },
    ],
    tests: ["test/crash/execute.test.ts"],
  },
  {
    name: "effects-out-of-order",
    guard: "R17: a chain's effects are delivered in the order of its moves",
    edits: [
      {
        file: TAKE,
        find: "      order by o.version desc limit 1\n    ) p on true",
        replace: "      order by o.version desc limit 1\n    ) p on false",
      },
    ],
    tests: OUTBOX_TESTS,
  },
  {
    name: "outbox-lease-not-written",
    guard: "storage: a message is taken by one sidecar at a time",
    edits: [
      {
        file: TAKE,
        find: "next_attempt_time = clock_timestamp() + d.lease_ms * interval '1 millisecond'",
        replace: "next_attempt_time = clock_timestamp()",
      },
    ],
    tests: OUTBOX_TESTS,
  },
  {
    name: "late-finisher-is-heard",
    guard: "storage: who has lost a message to another does not end that one's attempt",
    edits: [
      {
        file: "src/store/finish-deliveries.ts",
        find: "m.lease_id = i.lease_id and m.next_attempt_time is not null",
        replace: "m.next_attempt_time is not null",
      },
    ],
    tests: OUTBOX_TESTS,
  },
  {
    name: "next-effect-is-not-woken",
    guard: "R17: what waited for an earlier effect is delivered as soon as that is over",
    edits: [
      {
        file: "src/store/finish-deliveries.ts",
        find: "      and m.lease_id is null and m.next_attempt_time > clock_timestamp()\n",
        replace: "      and false\n",
      },
    ],
    tests: OUTBOX_TESTS,
  },
  {
    name: "delivered-is-re-driven",
    guard: "R17: only what is dead is delivered anew",
    edits: [
      {
        file: "src/store/redrive-delivery.ts",
        find: " and transition = $3 and state = 'DEAD'",
        replace: " and transition = $3",
      },
    ],
    tests: ["test/store/outbox-upkeep.test.ts"],
  },
];
