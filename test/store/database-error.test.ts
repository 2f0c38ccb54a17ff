import { DriverException } from "@mikro-orm/core";
import pg from "pg";
import { describe, expect, test } from "vitest";
import { AnswerLost, isServerGone } from "../../src/store/database-error.ts";
import { guarded } from "../../src/store/guarded.ts";

/** What the server says, as pg throws it and as the ORM passes it on. */
function said(code: string, message: string): [string, Error][] {
  const error = Object.assign(new pg.DatabaseError(message, 0, "error"), { code, severity: "FATAL" });
  return [
    ["pg", error],
    ["the ORM", new DriverException(error)],
  ];
}

describe("what the server says is told by its code, not by its text", () => {
  test.each(said("57P03", "the database system is starting up"))("starting up, by %s", (_, error) => {
    expect(isServerGone(error)).toBe(true);
  });

  test.each(said("53300", "sorry, too many clients already"))("no connection left, by %s", (_, error) => {
    expect(isServerGone(error)).toBe(true);
  });

  test.each(said("23503", 'Key (chain_type)=(timeout) is not present in table "chain_type".'))(
    "a violation that only reads like trouble with the connection, by %s",
    (_, error) => {
      expect(isServerGone(error)).toBe(false);
    },
  );
});

test.each([
  ...said("57014", "canceling statement due to statement timeout"),
  ...said("55P03", "canceling statement due to lock timeout"),
  ["a lost answer", new AnswerLost("lost", { cause: new Error("Query read timeout") })] as [string, Error],
])("a read that takes too long is UNAVAILABLE, not an internal error, by %s", async (_, error) => {
  await expect(guarded(() => Promise.reject(error))).rejects.toMatchObject({
    reason: "DATABASE_UNAVAILABLE",
  });
});
