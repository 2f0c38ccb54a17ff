import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const demoTimeoutMs = 120_000;

/** Where the demo makes its temporary files, so that a test sees whether it leaves any. */
let temporary: string;

beforeEach(async () => {
  temporary = await mkdtemp(join(tmpdir(), "demo-test-"));
  // As root, PostgreSQL runs as another user, who must get in.
  await chmod(temporary, 0o755);
});

afterEach(() => rm(temporary, { recursive: true, force: true }));

test("the demo tells the whole story and exits with 0", { timeout: demoTimeoutMs }, async () => {
  const demo = startDemo();
  const [code, output] = await Promise.all([exitOf(demo), text(demo.stdout)]);

  expect(output).toContain("moves from new to done");
  expect(output).toContain("reminder_2_days   invalid  the cart was changed 1 day ago");
  expect(output).toContain("is in new and would move to reminded_after_2_days");
  expect(output).toContain("refused, VALIDATOR_UNAVAILABLE: this call moved nothing");
  expect(output.split('mail to Ben: "').length - 1).toBe(1);
  expect(output.split('mail to Cleo: "').length - 1).toBe(2);
  expect(output).toContain("2  reminder_1_week: reminded_after_2_days -> reminded_after_1_week");
  expect(output.trimEnd().split("\n").at(-1)).toBe("The histories are as expected.");
  expect(code).toBe(0);
  expect(await readdir(temporary)).toEqual([]);
});

test("Ctrl-C ends the demo and whatever it started", { timeout: demoTimeoutMs }, async () => {
  const demo = startDemo();
  for await (const chunk of demo.stdout) {
    if (String(chunk).includes("sidecar  gRPC on")) break;
  }
  demo.kill("SIGINT");

  expect(await exitOf(demo)).toBe(130);
  expect(await readdir(temporary)).toEqual([]);
});

function startDemo() {
  return spawn(process.execPath, ["examples/abandoned-cart/demo.ts"], {
    cwd: root,
    env: { ...process.env, TMPDIR: temporary },
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** The exit code, or the signal that ended the process. */
async function exitOf(child: ChildProcess): Promise<number | string> {
  const [code, signal] = await once(child, "exit");
  return code ?? signal;
}
