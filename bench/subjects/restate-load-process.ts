import { randomUUID } from "node:crypto";
import { Pool } from "undici";
import type { Load, LoadResult } from "../measure/subject.ts";

// Calls through Restate's ingress: HTTP/1.1, as many kept connections as callers, each call with its key against repetition.
const [, , port = ""] = process.argv;
const body = JSON.stringify({ requestedBy: "bench" });

async function run({ operations, concurrency }: Load): Promise<LoadResult> {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: concurrency, pipelining: 1 });
  const latenciesMs = new Float64Array(operations);
  const startMs = performance.now();
  let begun = 0;
  const caller = async () => {
    while (begun < operations) {
      const index = begun;
      begun += 1;
      const begunMs = performance.now();
      const answer = await pool.request({
        method: "POST",
        path: `/chain/${randomUUID()}/execute`,
        headers: { "content-type": "application/json", "idempotency-key": randomUUID() },
        body,
      });
      const text = await answer.body.text();
      if (answer.statusCode !== 200 || !text.includes("TRANSITIONED"))
        throw new Error(`Restate answered ${answer.statusCode}: ${text}`);
      latenciesMs[index] = performance.now() - begunMs;
    }
  };
  try {
    await Promise.all(Array.from({ length: concurrency }, caller));
    return { operations, seconds: (performance.now() - startMs) / 1000, latenciesMs };
  } finally {
    await pool.close();
  }
}

process.on("message", async (load: Load) => {
  process.send?.(await run(load).catch((error: Error) => ({ error: error.message })));
});
process.on("disconnect", () => process.exit());
