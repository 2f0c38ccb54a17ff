import type { SeededBug } from "../seeded-bug.ts";

const TAKE = "src/store/take-claims.ts";
const TAKE_TESTS = ["test/store/take-claims.test.ts"];

/** Claims (R19, R20), and callbacks that are called under them (R16, R18). */
export const claimBugs: readonly SeededBug[] = [
  {
    name: "living-claim-taken-over",
    guard: "R19: a claim that lives is taken from nobody",
    edits: [
      {
        file: TAKE,
        find: "      and (c.claim_id is null or c.claim_id = h.claim_id or c.claim_expiry <= clock_timestamp())\n",
        replace: "",
      },
    ],
    tests: [...TAKE_TESTS, "test/e2e/claims.test.ts"],
  },
  {
    name: "claim-on-any-version",
    guard: "R16: a claim is taken on the version that was judged",
    edits: [{ file: TAKE, find: "c.version = h.version and not c.disabled", replace: "not c.disabled" }],
    tests: TAKE_TESTS,
  },
  {
    name: "token-not-raised",
    guard: "R18, I12: every claim has a higher token than the one before it",
    edits: [{ file: TAKE, find: "fence = c.fence + 1,", replace: "fence = c.fence," }],
    tests: TAKE_TESTS,
  },
  {
    name: "claim-given-up-without-an-answer",
    guard: "R16: where a callback gives no answer its claim is left to expire",
    edits: [
      {
        file: "src/engine/call-before-commit.ts",
        find: '    case "unanswered":\n',
        replace: '    case "unanswered":\n      await release(parts, held, delivered.message);\n',
      },
    ],
    tests: ["test/e2e/before-commit.test.ts"],
  },
  {
    name: "delivery-id-per-call",
    guard: "R18: a step has the same delivery id at every repetition",
    edits: [
      {
        file: "src/engine/prepare-move.ts",
        find: "deliveryIdOf(chain.id, chain.version + 1, transition)",
        replace: "deliveryIdOf(newId(), chain.version + 1, transition)",
      },
    ],
    tests: ["test/crash/execute.test.ts"],
  },
  {
    name: "callback-for-done",
    guard: "R9: going to done calls nobody back",
    edits: [
      {
        file: "src/engine/prepare-move.ts",
        find: "return finalState === DONE ? undefined : ",
        replace: 'return finalState === "" ? undefined : ',
      },
    ],
    tests: ["test/e2e/before-commit.test.ts"],
  },
];
