import { expect, test } from "vitest";
import { createLog } from "../../src/observability/log.ts";

function linesOf(write: (log: ReturnType<typeof createLog>) => void): Record<string, unknown>[] {
  const lines: string[] = [];
  write(createLog("info", { write: (line) => void lines.push(line) }));
  return lines.map((line) => JSON.parse(line));
}

test("one JSON object a line, with an error's causes", () => {
  const err = new Error("outer", { cause: new Error("inner\r\n{}") });
  const [line, ...more] = linesOf((log) => {
    log.debug("not at this level");
    log.error({ err, chain: "a\nb" }, "failed");
  });
  expect(more).toEqual([]);
  expect(line).toMatchObject({
    level: "error",
    msg: "failed",
    chain: "a\nb",
    err: {
      message: "outer",
      stack: expect.stringContaining("log.test.ts"),
      cause: { message: "inner\r\n{}" },
    },
  });
});

test("what is named like a secret is masked", () => {
  const err = Object.assign(new Error("no"), {
    config: { password: "hunter2" },
    connectionString: "hunter2",
  });
  const [line] = linesOf((log) => log.info({ err, password: "hunter2", options: { token: "hunter2" } }));
  expect(JSON.stringify(line)).not.toContain("hunter2");
});
