import pg from "pg";
import { expect, test } from "vitest";
import { settle } from "../../src/engine/settle.ts";
import { AnswerLost } from "../../src/store/database-error.ts";

const lockNotAvailable = Object.assign(new pg.DatabaseError("lock timeout", 0, "error"), { code: "55P03" });

test("a row that stays locked is no bug of ours: the caller is told to try again", async () => {
  const write = () => Promise.reject(lockNotAvailable);
  await expect(settle({ write, check: async () => undefined })).rejects.toMatchObject({
    reason: "CONCURRENT_TRANSITION",
  });
});

test("after a lost answer, contention leaves the outcome unknown", async () => {
  let tries = 0;
  const write = () => {
    tries += 1;
    return Promise.reject(tries === 1 ? new AnswerLost("lost") : lockNotAvailable);
  };
  await expect(settle({ write, check: async () => undefined })).rejects.toMatchObject({
    reason: "COMMIT_UNKNOWN",
  });
});
