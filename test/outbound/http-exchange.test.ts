import type { Dispatcher } from "undici";
import { expect, test } from "vitest";
import { callbackMethod } from "../../src/outbound/callback-method.ts";
import { HttpExchange } from "../../src/outbound/http-exchange.ts";
import type { HttpHeard } from "../../src/outbound/http-heard.ts";
import { validatorMethod } from "../../src/outbound/validator-method.ts";

/** Stands for the sending of a request, which undici can do again after its connection was lost. */
function sending(): { readonly controller: Dispatcher.DispatchController; aborted: boolean } {
  const state = { controller: {} as Dispatcher.DispatchController, aborted: false };
  Object.assign(state.controller, {
    abort: () => {
      state.aborted = true;
    },
  });
  return state;
}

test.each([
  ["a callback", callbackMethod, true],
  ["a validator", validatorMethod, false],
])("a request to %s that is about to be sent again", (_, method, isStopped) => {
  const told: HttpHeard[] = [];
  const limits = { timeoutMs: 60_000, signal: new AbortController().signal };
  const exchange = new HttpExchange(method, limits, (heard) => told.push(heard));
  const [first, second] = [sending(), sending()];
  exchange.onRequestStart(first.controller);
  exchange.onRequestStart(second.controller);
  expect([first.aborted, second.aborted]).toEqual([false, isStopped]);
  exchange.onResponseError(second.controller, new Error("stopped"));
  expect(told).toEqual([expect.objectContaining({ end: "broken", isSent: true, status: 0 })]);
});
