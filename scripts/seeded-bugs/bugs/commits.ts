import type { SeededBug } from "../seeded-bug.ts";

const COMMIT = "src/store/commit-moves.ts";
const COMMIT_TESTS = ["test/store/commit-moves.test.ts"];

const OWN_CLAIM = "else c.claim_id = h.claim_id and c.claim_expiry > clock_timestamp() end";

/** What a move is checked for at the instant of its commit (R10), and what it shares a statement with. */
export const commitBugs: readonly SeededBug[] = [
  {
    name: "version-not-checked",
    guard: "R10: a move is made on the version that was judged",
    edits: [{ file: COMMIT, find: " and c.version = h.version\n", replace: "\n" }],
    tests: COMMIT_TESTS,
  },
  {
    name: "claim-not-checked-by-plain-commit",
    guard: "R10: a plain move does not pass a living claim",
    edits: [
      {
        file: COMMIT,
        find: " and (c.claim_id is null or c.claim_expiry <= clock_timestamp())",
        replace: "",
      },
    ],
    tests: COMMIT_TESTS,
  },
  {
    name: "disabled-not-checked",
    guard: "R10: a chain that was disabled meanwhile stays",
    edits: [{ file: COMMIT, find: "then not c.disabled and ", replace: "then " }],
    tests: COMMIT_TESTS,
  },
  {
    name: "removed-state-not-checked",
    guard: "R10, R26: no chain is moved to a state that the current revision lacks",
    edits: [{ file: COMMIT, find: " and h.final_state = any(t.states))", replace: ")" }],
    tests: [...COMMIT_TESTS, "test/e2e/definitions-in-flight.test.ts"],
  },
  {
    name: "token-not-checked",
    guard: "R10, I12: who lost a claim to somebody else does not commit",
    edits: [{ file: COMMIT, find: OWN_CLAIM, replace: "else c.claim_expiry > clock_timestamp() end" }],
    tests: ["test/store/take-claims.test.ts"],
  },
  {
    name: "expiry-not-checked",
    guard: "R20: a claim that has expired commits nothing, taken over or not",
    edits: [{ file: COMMIT, find: OWN_CLAIM, replace: "else c.claim_id = h.claim_id end" }],
    tests: ["test/store/take-claims.test.ts"],
  },
  {
    name: "expiry-by-statement-start",
    guard: "R10: expiry is judged when the row is free, not by now()",
    edits: [
      {
        file: COMMIT,
        find: OWN_CLAIM,
        replace: "else c.claim_id = h.claim_id and c.claim_expiry > now() end",
      },
    ],
    tests: ["test/store/take-claims.test.ts"],
  },
  {
    name: "expiry-by-process-clock",
    guard: "R20: a claim ends by the database's clock",
    edits: [
      {
        file: COMMIT,
        find: '  purge_after_ms: "double precision",\n',
        replace: '  purge_after_ms: "double precision",\n  judged_at: "timestamptz",\n',
      },
      {
        file: COMMIT,
        find: "    purge_after_ms: move.purgeAfterMs,\n",
        replace: "    purge_after_ms: move.purgeAfterMs,\n    judged_at: new Date(),\n",
      },
      {
        file: COMMIT,
        find: OWN_CLAIM,
        replace: "else c.claim_id = h.claim_id and c.claim_expiry > h.judged_at end",
      },
    ],
    tests: ["test/e2e/wrong-clock.test.ts"],
  },
  {
    name: "event-on-conflict-do-nothing",
    guard: "R14: no chain moves without its event",
    edits: [
      {
        file: COMMIT,
        find: "      attempt_id, '', update_time\n    from moved\n",
        replace: "      attempt_id, '', update_time\n    from moved on conflict do nothing\n",
      },
    ],
    tests: COMMIT_TESTS,
  },
  {
    name: "result-by-chain",
    guard: "R10: of two moves of one chain in one statement only one is told that it was made",
    edits: [
      {
        file: "src/store/write-held.ts",
        find: "  return results;\n",
        replace: [
          "  const told = new Map(writes.map(({ chainId }, at) => [chainId, results[at] as Result]));",
          '  results.forEach((one, at) => !isNotHeld(one) && told.set(writes[at]?.chainId ?? "", one as Result));',
          "  return writes.map(({ chainId }) => told.get(chainId) as Result);",
          "",
        ].join("\n"),
      },
    ],
    tests: COMMIT_TESTS,
  },
  {
    name: "locked-row-holds-up-all",
    guard: "storage: a row that somebody has locked does not hold up the rest of its batch",
    edits: [{ file: COMMIT, find: 'textFor("skip locked")', replace: 'textFor("")' }],
    tests: COMMIT_TESTS,
  },
  {
    name: "one-chain-twice-in-a-batch",
    guard: "storage: a second write of a chain waits for the next batch",
    edits: [
      {
        file: "src/store/batcher.ts",
        find: "if (key !== undefined && keys.has(key)) {",
        replace: 'if (key !== undefined && key === "never") {',
      },
    ],
    tests: ["test/store/batcher.test.ts"],
  },
  {
    name: "bad-row-fails-its-batch",
    guard: "storage: data that the database refuses harms only its own move",
    edits: [
      {
        file: "src/store/batcher.ts",
        find: "if (batch.length > 1 && isDataError(error)) {",
        replace: "if (batch.length < 1 && isDataError(error)) {",
      },
    ],
    tests: [...COMMIT_TESTS, "test/store/batcher.test.ts"],
  },
];
