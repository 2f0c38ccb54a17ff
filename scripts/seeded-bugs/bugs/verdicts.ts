import type { SeededBug } from "../seeded-bug.ts";

/** What validators say, and what is decided from it (R5 to R8). */
export const verdictBugs: readonly SeededBug[] = [
  {
    name: "error-as-invalid",
    guard: "R6: a validator that cannot tell does not say no",
    edits: [
      {
        file: "src/domain/decide.ts",
        find: 'if (verdict.kind === "INVALID" || transition.onError === "SKIP") return undefined;',
        replace: "if (verdict) return undefined;",
      },
    ],
    tests: ["test/domain/decide.test.ts", "test/e2e/execute-verdicts.test.ts"],
  },
  {
    name: "empty-answer-as-valid",
    guard: "R6: `{}` moves no chain",
    edits: [
      {
        file: "src/outbound/read-answer.ts",
        find: "    case Verdict.VALID:\n",
        replace: "    case Verdict.UNSPECIFIED:\n    case Verdict.VALID:\n",
      },
    ],
    tests: ["test/outbound/misbehaving-http.test.ts", "test/outbound/misbehaving-grpc.test.ts"],
  },
  {
    name: "any-status-as-answer",
    guard: "R6: only a 200 carries a verdict",
    edits: [
      {
        file: "src/outbound/validator-json.ts",
        find: "if (heard.status !== 200)",
        replace: "if (heard.status < 200)",
      },
    ],
    tests: ["test/outbound/misbehaving-http.test.ts"],
  },
  {
    name: "parallel-first-answer-wins",
    guard: "R5: asked at once, the first in order still wins, not the first to answer",
    edits: [
      {
        file: "src/domain/decide.ts",
        find: "    if (!verdict) return ask(situation, transitions, transition, verdicts);\n",
        replace: [
          '    const isSettled = [...verdicts.values()].some(({ kind }) => kind === "VALID");',
          '    if (!verdict && chainType.evaluation === "PARALLEL" && isSettled) continue;',
          "    if (!verdict) return ask(situation, transitions, transition, verdicts);",
          "",
        ].join("\n"),
      },
    ],
    tests: ["test/domain/decide.test.ts", "test/domain/decide.properties.test.ts"],
  },
  {
    name: "transaction-while-asking",
    guard: "R12: no connection is held while a validator is asked",
    edits: [
      {
        file: "src/engine/execute.ts",
        find: "  const judgement = await judge(\n",
        replace:
          "  const held = parts.store.database.orm.em.fork();\n  const judgement = await held.transactional(() => judge(\n",
      },
      {
        file: "src/engine/execute.ts",
        find: "    { signal: limits.signal, deadlineMs },\n  );\n",
        replace: "    { signal: limits.signal, deadlineMs },\n  ));\n",
      },
    ],
    tests: ["test/e2e/while-asking.test.ts"],
  },
  {
    name: "dry-run-moves",
    guard: "R8: a dry run writes nothing",
    edits: [
      {
        file: "src/engine/execute.ts",
        find: "  if (command.dryRun) return resultOfDryRun(judgement, chain);\n",
        replace: "",
      },
    ],
    tests: ["test/e2e/execute.test.ts"],
  },
  {
    name: "hold-outlives-its-revision",
    guard: "R22: under a new revision a held transition is asked again",
    edits: [
      {
        file: "src/engine/execute.ts",
        find: "attempted?.revision === revision.revision ? attempted.holds : []",
        replace: "attempted?.holds ?? []",
      },
    ],
    tests: ["test/e2e/execute-refusals.test.ts"],
  },
];
