import type { SeededBug } from "../seeded-bug.ts";

const LOST_TESTS = ["test/store/answer-lost.test.ts"];

/** What a repetition is answered (R13), and what is made of a lost answer (R11). */
export const requestBugs: readonly SeededBug[] = [
  {
    name: "request-id-after-the-schedule",
    guard: "R13: a repetition gets the recorded answer, whatever the chain is now",
    edits: [
      {
        file: "src/engine/execute.ts",
        find: "  if (found.recorded) return again(found.recorded);\n",
        replace: [
          "  const { chain: here, now: asked } = found;",
          "  if (here?.nextUpdateTime && here.nextUpdateTime > asked && !command.ignoreSchedule)",
          '    throw new Refusal("NOT_DUE", "The chain is not due.");',
          "  if (found.recorded) return again(found.recorded);",
          "",
        ].join("\n"),
      },
    ],
    tests: ["test/e2e/execute.test.ts"],
  },
  {
    name: "request-id-read-apart",
    guard: "R13: the chain and what its request id has done are read in one statement",
    edits: [
      {
        file: "src/engine/find-chain.ts",
        find: "  const exact = await store.read({ ref: lookup, requestId });\n",
        replace: [
          "  const { recorded } = await store.read({ ref: lookup, requestId });",
          '  const exact = { ...(await store.read({ ref: lookup, requestId: "" })), recorded };',
          "",
        ].join("\n"),
      },
    ],
    tests: ["test/store/same-request.test.ts"],
  },
  {
    name: "loser-does-not-look-again",
    guard: "R13: a commit that loses looks for its request id in a new statement before it says ABORTED",
    edits: [
      {
        file: "src/engine/commit-move.ts",
        find: "  if (!move.requestId) return undefined;\n",
        replace: "  if (move.eventId) return undefined;\n",
      },
    ],
    tests: LOST_TESTS,
  },
  {
    name: "any-payload-for-a-request-id",
    guard: "R13: a request id stands for one request",
    edits: [
      {
        file: "src/engine/repeated-move.ts",
        find: "if (recorded.requestHash === requestHash) return recorded;",
        replace: "if (recorded) return recorded;",
      },
    ],
    tests: [...LOST_TESTS, "test/e2e/execute.test.ts"],
  },
  {
    name: "new-id-per-retry",
    guard: "R11: every try of a move carries the same id",
    edits: [
      {
        file: "src/engine/commit-move.ts",
        find: "await tryCommit(store, move);",
        replace: "await tryCommit(store, { ...move, eventId: crypto.randomUUID() });",
      },
    ],
    tests: LOST_TESTS,
  },
  {
    name: "new-claim-id-per-retry",
    guard: "R11: every try of a claim carries the same id",
    edits: [
      {
        file: "src/engine/take-claim.ts",
        find: "await store.claim({ claimId, termMs, decided, wakes });",
        replace: "await store.claim({ claimId: newId(), termMs, decided, wakes });",
      },
    ],
    tests: LOST_TESTS,
  },
  {
    name: "blind-retry-after-a-lost-commit",
    guard: "R11: after a lost answer the outcome is read, not guessed from a second try",
    edits: [
      {
        file: "src/engine/settle.ts",
        find: '    if (tried.kind !== "contended") {\n',
        replace: [
          '    if (tried.kind === "lost") continue;',
          "    if (lost) break;",
          '    if (tried.kind !== "contended") {',
          "",
        ].join("\n"),
      },
    ],
    tests: LOST_TESTS,
  },
  {
    name: "own-success-taken-for-a-lost-race",
    guard: "R11: a sidecar knows its own move again",
    edits: [
      {
        file: "src/engine/commit-move.ts",
        find: "  if (made?.event.id === move.eventId) return made;\n",
        replace: "",
      },
    ],
    tests: LOST_TESTS,
  },
];
