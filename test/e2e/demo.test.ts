import { type ChildProcessByStdio, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";

type Demo = ChildProcessByStdio<null, Readable, null>;

const root = join(import.meta.dirname, "../..");
const demoTimeoutMs = 120_000;

/** Where the demo makes its temporary files, so that a test sees whether it leaves any. Short, as there is a socket in it. */
let temporary: string;

beforeEach(async () => {
  temporary = await mkdtemp(join(tmpdir(), "t-"));
  // As root, PostgreSQL runs as another user, who must get in.
  await chmod(temporary, 0o755);
});

afterEach(() => rm(temporary, { recursive: true, force: true }));

test("the demo tells the whole story and exits with 0", { timeout: demoTimeoutMs }, async () => {
  const demo = startDemo();
  const [code, output] = await Promise.all([exitOf(demo), text(demo.stdout)]);

  expect(output).toContain("moves from new to done, by the scheduler");
  expect(output).toMatch(/The (scheduler|support desk) had the same verdicts, and came second/);
  expect(output).toContain("reminder_2_days   invalid  the cart was changed 1 day ago");
  expect(output).toContain("3 carts: 0 would move, 2 would stay, the rest is done");
  expect(output).toContain("last asked about by the scheduler, VALIDATOR_UNAVAILABLE");
  expect(output).toContain("2  reminder_1_week: reminded_after_2_days -> reminded_after_1_week");

  expect(mailsTo("ben", output)).toEqual([expect.stringContaining(".1.reminder_2_days@")]);
  const [first, copy, second, ...more] = mailsTo("cleo", output);
  expect(first).toContain(".1.reminder_2_days@");
  expect(copy).toBe(first);
  expect(second).toContain(".2.reminder_1_week@");
  expect(more).toEqual([]);
  expect(output).toMatch(/delivered in \d+ attempts, 2 copies at the mail server, once in the ledger/);
  expect(output).toMatch(/delivered in \d+ attempts, 1 copy at the mail server, once in the ledger/);

  expect(output.trimEnd().split("\n").at(-1)).toBe("Histories, mails and ledger are as expected.");
  expect(code).toBe(0);
  await expectNothingLeft();
});

test.each([
  ["when the sidecar runs", "sidecar  gRPC on"],
  ["when the sidecar has just been killed", "the sidecar is killed:"],
])("Ctrl-C %s ends the demo and whatever it started", { timeout: demoTimeoutMs }, async (_, words) => {
  const demo = startDemo();
  await untilSaid(demo, words);
  demo.kill("SIGINT");

  expect(await exitOf(demo)).toBe(130);
  await expectNothingLeft();
});

test("a reader who has gone ends it too", { timeout: demoTimeoutMs }, async () => {
  const demo = startDemo();
  await untilSaid(demo, "sidecar  gRPC on");
  demo.stdout.destroy();

  expect(await exitOf(demo)).toBe(130);
  await expectNothingLeft();
});

function startDemo(): Demo {
  return spawn(process.execPath, ["examples/abandoned-cart/demo.ts"], {
    cwd: root,
    env: { ...process.env, TMPDIR: temporary },
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** Returns with the demo going on, and its output being read. */
async function untilSaid({ stdout }: Demo, words: string): Promise<void> {
  let said = "";
  for await (const chunk of stdout.iterator({ destroyOnReturn: false })) {
    said += chunk;
    if (said.includes(words)) break;
  }
  expect(said).toContain(words);
  stdout.resume();
}

/** The Message-IDs of the mails that a customer got, in order. */
function mailsTo(customer: string, output: string): string[] {
  const lines = new RegExp(`mail to ${customer}@.*\\n +(<.*>)`, "g");
  return [...output.matchAll(lines)].map(([, messageId = ""]) => messageId);
}

/** The exit code, or the signal that ended the process. */
async function exitOf(demo: Demo): Promise<number | string> {
  if (demo.exitCode !== null) return demo.exitCode;
  const [code, signal] = await once(demo, "exit");
  return code ?? signal;
}

/** Neither files nor processes that work on them. */
async function expectNothingLeft(): Promise<void> {
  expect(await readdir(temporary)).toEqual([]);
  const { stdout } = await promisify(execFile)("ps", ["-A", "-o", "command="], {
    maxBuffer: 64 * 1024 * 1024,
  });
  expect(stdout.split("\n").filter((command) => command.includes(temporary))).toEqual([]);
}
