import type { SeededBug } from "../seeded-bug.ts";

/** Chain types over time (R25, R26). */
export const definitionBugs: readonly SeededBug[] = [
  {
    name: "restarting-pod-goes-back",
    guard: "R25: content that is stored already does not become current by being registered again",
    edits: [
      {
        file: "src/engine/register-chain-type.ts",
        find: "if (stored && (!command.makeCurrent || stored.revision === inForce.revision)) {",
        replace: "if (stored && stored.revision === inForce.revision) {",
      },
    ],
    tests: ["test/e2e/registry.test.ts", "test/e2e/rollout.test.ts"],
  },
  {
    name: "occupied-state-removed",
    guard: "R26: no revision removes a state in which chains stand",
    edits: [
      {
        file: "src/engine/register-chain-type.ts",
        find: "    refuseStatesInUse(chainType.name, removed);\n",
        replace: "",
      },
    ],
    tests: ["test/e2e/registry.test.ts"],
  },
  {
    name: "migration-of-any-version",
    guard: "R26: a chain is migrated only in the version that was read",
    edits: [
      {
        file: "src/store/migrate-chains.ts",
        find: "       where c.id = h.chain_id and c.version = h.version\n",
        replace: "       where c.id = h.chain_id\n",
      },
    ],
    tests: ["test/store/migrate-chains.test.ts"],
  },
  {
    name: "mapping-of-an-old-revision",
    guard: "R26: no chain is migrated by a mapping that is not in force",
    edits: [
      {
        file: "src/store/migrate-chains.ts",
        find: " and t.current_revision = h.revision)",
        replace: ")",
      },
    ],
    tests: ["test/store/migrate-chains.test.ts"],
  },
];
