import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { createTestDatabase } from "../support/database.ts";
import { startSidecar } from "../support/sidecar.ts";

/** What runs as the process that was started: a sidecar that starts itself anew keeps its pid. */
async function commandOf(env: Readonly<Record<string, string>>): Promise<string> {
  const sidecar = await startSidecar({ databaseUrl: await createTestDatabase(), env });
  onTestFinished(async () => void (await sidecar.stop()));
  const { stdout } = await promisify(execFile)("ps", ["-o", "args=", "-p", String(sidecar.pid)]);
  return stdout;
}

test("a sidecar keeps its memory small, however it is started", async () => {
  expect(await commandOf({})).toMatch(/ --max-semi-space-size=\d+ .*src\/main\.ts/);
});

test("who sets the size of the young generation decides alone", async () => {
  expect(await commandOf({ NODE_OPTIONS: "--max-semi-space-size=32" })).not.toMatch(/semi-space/);
});
