import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { isListening, startOwnSidecar } from "../../examples/replay/own-sidecar.ts";
import { createTestDatabase } from "../support/database.ts";

let databaseUrl: string;
beforeAll(async () => {
  databaseUrl = await createTestDatabase();
});
beforeEach(() => {
  vi.stubEnv("DATABASE_URL", databaseUrl);
  vi.stubEnv("DISPATCHER_APPLICATION", "test");
});
afterEach(() => vi.unstubAllEnvs());

describe("the sidecar that a replay starts for itself", () => {
  it("listens until it is stopped", async () => {
    const sidecar = await startOwnSidecar();
    expect(await isListening(sidecar.address)).toBe(true);
    await sidecar.stop();
    expect(await isListening(sidecar.address)).toBe(false);
  });

  it("tells why it could not start", async () => {
    vi.stubEnv("DISPATCHER_LOG_LEVEL", "loud");
    await expect(startOwnSidecar()).rejects.toThrow(
      /sidecar that was started for the replay ended \(exit code 1\):\n.*DISPATCHER_LOG_LEVEL/s,
    );
  });

  it("ends with the replay, even if that is killed", async () => {
    const module = new URL("../../examples/replay/own-sidecar.ts", import.meta.url).href;
    const script = `const { startOwnSidecar } = await import("${module}"); console.log((await startOwnSidecar()).address)`;
    const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [address] = await once(parent.stdout.setEncoding("utf8"), "data");
    expect(await isListening(address.trim())).toBe(true);

    parent.kill("SIGKILL");

    await expect.poll(() => isListening(address.trim()), { timeout: 30_000 }).toBe(false);
  });
});
