import { setTimeout as wait } from "node:timers/promises";

const endsWithinMs = 5_000;

/**
 * Ends what is left of a process group whose leader is gone: asks first, so that a PostgreSQL puts away its shared memory, and
 * kills what does not listen.
 */
export async function endProcessGroup(leader: number): Promise<void> {
  const deadline = performance.now() + endsWithinMs;
  let isLeft = signal(leader, "SIGINT");
  while (isLeft && performance.now() < deadline) {
    await wait(25);
    isLeft = signal(leader, 0);
  }
  if (isLeft) signal(leader, "SIGKILL");
}

/** Whether anybody was there to get it. */
function signal(leader: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-leader, name);
  } catch {
    return false;
  }
}
