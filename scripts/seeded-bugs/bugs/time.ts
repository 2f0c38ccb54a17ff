import type { SeededBug } from "../seeded-bug.ts";

const TAKE = "src/store/take-due.ts";
const TAKE_TESTS = ["test/store/take-due.test.ts"];

/** When a chain is due (R21), and who wakes it (R23). */
export const timeBugs: readonly SeededBug[] = [
  {
    name: "due-by-process-clock",
    guard: "R21: whether a chain is due is told by the database's clock",
    edits: [
      {
        file: "src/domain/decide.ts",
        find: "chain.nextUpdateTime > now && !ignoreSchedule",
        replace: "chain.nextUpdateTime > new Date() && !ignoreSchedule",
      },
    ],
    tests: ["test/e2e/wrong-clock.test.ts"],
  },
  {
    name: "scheduler-lease-not-written",
    guard: "R23: a chain that was taken is left alone for the lease",
    edits: [
      {
        file: TAKE,
        find: "coalesce(h.sleeps_until, clock_timestamp() + ",
        replace: "coalesce(h.sleeps_until, h.wake_time, clock_timestamp() + ",
      },
    ],
    tests: TAKE_TESTS,
  },
  {
    name: "woken-before-its-time",
    guard: "R23: a chain that is not due sleeps on, whatever has woken it",
    edits: [
      {
        file: TAKE,
        find: "case when k.next_update_time > clock_timestamp() then k.next_update_time end",
        replace: "null",
      },
    ],
    tests: TAKE_TESTS,
  },
  {
    name: "move-does-not-wake",
    guard: "R23: a move sets when its chain is looked at next",
    edits: [
      {
        file: "src/store/commit-moves.ts",
        find: "wake_time = case when h.wakes and not c.disabled\n",
        replace: "wake_time = case when not h.wakes\n",
      },
    ],
    tests: ["test/e2e/scheduler.test.ts"],
  },
  {
    name: "failure-does-not-wake",
    guard: "R23: a chain that did not move is looked at again",
    edits: [
      {
        file: "src/store/attempts.ts",
        find: "set wake_time = greatest(i.wake_time, c.next_update_time, c.claim_expiry)\n",
        replace: "set wake_time = null\n",
      },
    ],
    tests: ["test/e2e/scheduler.test.ts"],
  },
];
