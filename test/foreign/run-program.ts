import { execFile } from "node:child_process";
import { promisify } from "node:util";

export interface RunOptions {
  readonly cwd?: string;
  /** Added to this process's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** Runs a program to its end. Resolves with its standard output; a failure tells its standard error. */
export async function runProgram(
  command: string,
  args: readonly string[],
  { cwd, env, input }: RunOptions = {},
): Promise<string> {
  const running = promisify(execFile)(command, args, {
    ...(cwd !== undefined && { cwd }),
    env: { ...process.env, ...env },
    maxBuffer: 64 * 1024 * 1024,
  });
  running.child.stdin?.end(input);
  const { stdout } = await running;
  return stdout;
}

/** Why something that a program finds out is not so on this machine; undefined if it is. */
export async function whyNot(
  needed: string,
  command: string,
  args: readonly string[],
  options?: RunOptions,
): Promise<string | undefined> {
  try {
    await runProgram(command, args, options);
    return undefined;
  } catch (error) {
    return `${needed} is needed: ${error instanceof Error ? error.message.trim() : error}`;
  }
}
