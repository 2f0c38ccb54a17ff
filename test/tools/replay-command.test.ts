import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseReplayArguments } from "../../examples/replay/replay-arguments.ts";
import { ReplayError } from "../../examples/replay/replay-error.ts";
import { xesOf } from "../support/event-log.ts";
import { startReplay } from "../support/replay-process.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dispatcher-replay-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("the arguments of the replay", () => {
  it("have defaults", () => {
    const file = "log.xes";
    const defaults = {
      file,
      address: undefined,
      resume: false,
      concurrency: 32,
      waitMs: 60_000,
      quiet: false,
    };
    expect(parseReplayArguments([file])).toEqual(defaults);
  });

  it("are understood", () => {
    const args = "--address unix:///a.sock --resume --concurrency 1024 --wait 0 --quiet log.xes.gz".split(
      " ",
    );
    expect(parseReplayArguments(args)).toEqual({
      file: "log.xes.gz",
      address: "unix:///a.sock",
      resume: true,
      concurrency: 1024,
      waitMs: 0,
      quiet: true,
    });
  });

  it.each([
    ["", /name one event log, not 0/],
    ["one.xes two.xes", /name one event log, not 2/],
    ["--quick one.xes", /'--quick'/],
    ["--concurrency 0 one.xes", /--concurrency must be a whole number from 1 to 1024, not "0"/],
    ["--concurrency 1025 one.xes", /not "1025"/],
    ["--concurrency 1e2 one.xes", /not "1e2"/],
    ["--wait=-1 one.xes", /--wait must be a whole number from 0/],
    ["one.xes --wait", /--wait/],
  ])("%j are refused", (line, message) => {
    const args = line.split(" ").filter(Boolean);
    expect(() => parseReplayArguments(args)).toThrow(message);
    expect(() => parseReplayArguments(args)).toThrow(ReplayError);
  });
});

describe("the replay command", () => {
  it("explains itself", async () => {
    const { code, stdout, stderr } = await startReplay(["--help"], folder).exit;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^Usage: npm run replay/);
  });

  it("says in one line what is wrong with a file, and prints no result", async () => {
    const file = join(folder, "broken.xes");
    await writeFile(file, "not XML");
    const { code, stdout, stderr } = await startReplay(["--quiet", file], folder).exit;
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^replay: \/.*broken\.xes: this is not well-formed XML: .*\n$/);
  });

  it("says that no sidecar is where it should be", async () => {
    const file = join(folder, "log.xes");
    const address = `unix://${join(folder, "nobody.sock")}`;
    await writeFile(file, xesOf({ case: ["a"] }));
    const { code, stdout, stderr } = await startReplay(
      ["--address", address, "--wait", "0", "--quiet", file],
      folder,
    ).exit;
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^replay: RegisterChainType at unix:.*ENOENT.*\n$/);
  });
});
