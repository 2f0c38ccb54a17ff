import type { SeededBug } from "../seeded-bug.ts";

/** One chain for each type and set of resources (R1). */
export const identityBugs: readonly SeededBug[] = [
  {
    name: "key-without-lengths",
    guard: "R1: no two sets of resources have the same key",
    edits: [
      {
        file: "src/domain/chain-key.ts",
        find: "hash.update(length).update(bytes)",
        replace: "hash.update(bytes)",
      },
    ],
    tests: ["test/domain/chain-key.test.ts"],
  },
  {
    name: "all-are-told-created",
    guard: "R1: of those who race to create a chain one is told that it did",
    edits: [
      {
        file: "src/engine/get-or-create-chain.ts",
        find: "created: chain.id === id",
        replace: "created: true",
      },
    ],
    tests: ["test/race/one-winner.test.ts", "test/domain/chain-key.test.ts"],
  },
  {
    name: "keys-in-any-order",
    guard: "R1: two batches with the same new keys do not deadlock",
    edits: [{ file: "src/store/create-chains.ts", find: "    order by key\n", replace: "" }],
    tests: ["test/store/create-chains.test.ts"],
  },
];
