import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClients } from "../support/client.ts";
import { type ScratchSidecar, startScratchSidecar } from "./scratch-sidecar.ts";

let sidecar: ScratchSidecar;
beforeAll(async () => {
  sidecar = await startScratchSidecar();
});
afterAll(() => sidecar.stop());

test("a handler whose caller has gone is waited for, and what it throws is not lost", async () => {
  let fail: (error: Error) => void = () => undefined;
  let noticed: () => void = () => undefined;
  const gone = new Promise<void>((resolve) => {
    noticed = resolve;
  });
  sidecar.behaviour.execute = (_, { signal }) =>
    new Promise((_, reject) => {
      fail = reject;
      signal.addEventListener("abort", noticed);
    });
  const chain = { value: { case: "id" as const, value: "0190b5a8-0000-7000-8000-000000000000" } };
  const call = createClients(sidecar.grpcAddress).dispatcher.execute({ chain }, { timeoutMs: 100 });
  const error = ConnectError.from(await call.catch((thrown: unknown) => thrown));
  expect(error.code).toBe(Code.DeadlineExceeded);

  await gone;

  let isIdle = false;
  const idle = sidecar.pipeline.idle().then(() => {
    isIdle = true;
  });
  // A turn of the loop, in which it would have resolved if it waited for nobody.
  await new Promise(setImmediate);
  expect(isIdle).toBe(false);
  fail(new Error("too late"));
  await idle;
  expect(sidecar.log).toContainEqual(
    expect.objectContaining({
      msg: "internal error after the call",
      err: expect.objectContaining({ message: "too late" }),
    }),
  );
  expect(await sidecar.pipeline.idle()).toBeUndefined();
});
