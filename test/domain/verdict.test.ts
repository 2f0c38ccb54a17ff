import { expect, it } from "vitest";
import { evaluationOf } from "../../src/domain/evaluation.ts";
import { stopReason, type Verdict, type VerdictErrorReason } from "../../src/domain/verdict.ts";
import { later } from "./situations.ts";

const stops: Readonly<Record<VerdictErrorReason, string>> = {
  UNREACHABLE: "VALIDATOR_UNAVAILABLE",
  TIMEOUT: "VALIDATOR_UNAVAILABLE",
  FAILED: "VALIDATOR_UNAVAILABLE",
  REFUSED: "VALIDATOR_BROKEN",
  MALFORMED: "VALIDATOR_BROKEN",
  NO_VERDICT: "VALIDATOR_BROKEN",
  TOO_LARGE: "VALIDATOR_BROKEN",
  NOT_STORABLE: "VALIDATOR_BROKEN",
  NOT_REGISTERED: "VALIDATOR_NOT_REGISTERED",
};

it.each(Object.entries(stops))("%s stops an Execute with %s", (reason, expected) => {
  expect(stopReason(reason as VerdictErrorReason)).toBe(expected);
});

it.each<[string, Verdict, object]>([
  [
    "VALID",
    { kind: "VALID", context: { a: 1 }, durationMs: 7 },
    { verdict: "VALID", errors: [], durationMs: 7 },
  ],
  [
    "INVALID",
    { kind: "INVALID", errors: ["no"], notBefore: later },
    { verdict: "INVALID", errors: ["no"], deferredUntil: later },
  ],
  [
    "ERROR",
    { kind: "ERROR", reason: "TIMEOUT", message: "2 s", durationMs: 2000 },
    { verdict: "ERROR", errors: ["2 s"], errorReason: "TIMEOUT", durationMs: 2000 },
  ],
])("%s is shown as it was said", (_, verdict, expected) => {
  expect(evaluationOf("pay", verdict)).toEqual({ transition: "pay", held: false, ...expected });
});
