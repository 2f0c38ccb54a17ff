import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { whyNot } from "../foreign/run-program.ts";
import { createTestDatabase } from "../support/database.ts";
import { freeAddress } from "../support/free-address.ts";
import { readBlocks, readFileBlock, readSteps, type Step } from "../support/readme-blocks.ts";
import { type Sidecar, startSidecar } from "../support/sidecar.ts";

const blocks = readBlocks(await readFile(join(import.meta.dirname, "../../README.md"), "utf8"));
const steps = readSteps(blocks);
const isForValidator = ({ command }: Step) => command.includes("http://127.0.0.1:9000/validate\n");

let folder: string;
let sidecar: Sidecar;
let validatorAddress: string;
let validator: ChildProcess | undefined;

beforeAll(async () => {
  sidecar = await startSidecar({ databaseUrl: await createTestDatabase() });
});

afterAll(async () => {
  await sidecar?.stop();
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dispatcher-readme-"));
  await writeFile(join(folder, "paid.txt"), "");
  validatorAddress = await freeAddress();
});

afterEach(async () => {
  if (validator?.pid && validator.exitCode === null) {
    // The group, since `go run` has a child of its own.
    process.kill(-validator.pid, "SIGKILL");
    await once(validator, "close");
  }
  validator = undefined;
  await rm(folder, { recursive: true, force: true });
});

test("a stranger's first chain moves: every command of the README answers what the README shows", async () => {
  await startValidator("js", "validator.mjs", [process.execPath, "validator.mjs"]);

  expect(steps.length).toBeGreaterThanOrEqual(8);
  for (const step of steps) {
    const check = async () => expect(await answerOf(step.command)).toMatchObject(step.answer);
    if (step.mayLag) await vi.waitFor(check, { timeout: 5_000, interval: 100 });
    else await check();
  }
});

test.for([
  ["python", "validator.py", ["python3", "validator.py"], ["--version"]],
  ["go", "validator.go", ["go", "run", "validator.go"], ["version"]],
] as const)(
  "the validator in %s answers the same",
  async ([language, file, command, askVersion], { skip }) => {
    const problem = await whyNot(language, command[0], askVersion);
    if (problem && !process.env["CI"]) skip(problem);
    await startValidator(language, file, command);
    const [question] = steps.filter(isForValidator);

    expect(await answerOf(question?.command ?? "")).toEqual(question?.answer);
    await writeFile(join(folder, "paid.txt"), "57844\n");
    expect(await answerOf(question?.command ?? "")).toEqual({
      verdict: "VERDICT_VALID",
      context: { customer: "57844" },
    });
  },
);

test("the registry file registers what the commands register", async () => {
  const yaml = blocks.find(({ mark }) => mark === "registry file")?.text ?? "";
  const file = join(folder, "registry.yaml");
  await writeFile(file, onTestPorts(yaml));
  const databaseUrl = await createTestDatabase();
  const configured = await startSidecar({ databaseUrl, env: { DISPATCHER_CONFIG: file } });
  try {
    const [register] = steps;
    const command = register?.command.replace("127.0.0.1:7481", configured.http) ?? "";
    expect(await answerOf(command)).toMatchObject({
      current: { revision: "1", chainType: { name: "trial" } },
    });
    expect(await answerOf(command)).not.toHaveProperty("created");
  } finally {
    await configured.stop();
  }
});

async function startValidator(language: string, file: string, command: readonly string[]): Promise<void> {
  await writeFile(join(folder, file), onTestPorts(readFileBlock(blocks, language)));
  const [program = "", ...rest] = command;
  const child = spawn(program, rest, { cwd: folder, detached: true, stdio: ["ignore", "ignore", "pipe"] });
  validator = child;
  let output = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const ended = once(child, "close").then(() => Promise.reject(new Error(`${program} ended:\n${output}`)));
  ended.catch(() => undefined);
  await Promise.race([ended, vi.waitFor(() => connectTo(validatorAddress), { timeout: 50_000 })]);
}

async function answerOf(command: string): Promise<unknown> {
  const { stdout } = await promisify(execFile)("sh", ["-euc", onTestPorts(command)], { cwd: folder });
  return JSON.parse(stdout);
}

function onTestPorts(text: string): string {
  const [, validatorPort = ""] = validatorAddress.split(":");
  return text.replaceAll("127.0.0.1:7481", sidecar.http).replaceAll(/\b9000\b/g, validatorPort);
}

async function connectTo(address: string): Promise<void> {
  const [host = "", port] = address.split(":");
  const socket = connect(Number(port), host);
  await once(socket, "connect");
  socket.destroy();
}
