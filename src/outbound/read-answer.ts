import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { type ValidateResponse, Verdict } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { findUnstorable, type JsonObject } from "../domain/json.ts";
import { keepableText } from "../domain/text.ts";
import type { Invalid, Valid, VerdictErrorReason } from "../domain/verdict.ts";
import { type Failure, failure } from "./failure.ts";

const MAX_ERRORS = 64;
const FIRST_SECOND = BigInt(Date.parse("0001-01-01T00:00:00Z") / 1000);
const LAST_SECOND = BigInt(Date.parse("9999-12-31T23:59:59Z") / 1000);

/** Takes from a well-formed answer only what can be kept. Fields that do not go with the verdict are ignored. */
export function readAnswer(answer: ValidateResponse): Valid | Invalid | Failure<VerdictErrorReason> {
  switch (answer.verdict) {
    case Verdict.VALID:
      return readValid(answer);
    case Verdict.INVALID:
      return readInvalid(answer);
    default:
      return failure(
        "NO_VERDICT",
        `answered without a verdict${answer.verdict === 0 ? "" : ` (the unknown number ${answer.verdict})`}`,
        'it must set "verdict" to VERDICT_VALID or VERDICT_INVALID',
      );
  }
}

function readValid(answer: ValidateResponse): Valid | Failure<VerdictErrorReason> {
  const context: JsonObject = answer.context ?? {};
  const unstorable = findUnstorable(context, "context");
  if (unstorable)
    return failure(
      "NOT_STORABLE",
      `answered a context that cannot be stored: ${unstorable}`,
      "leave that out",
    );
  const time = readTime("next_update_time", answer.nextUpdateTime);
  return time.kind === "failure" ? time : { kind: "VALID", context, nextUpdateTime: time.time };
}

function readInvalid(answer: ValidateResponse): Invalid | Failure<VerdictErrorReason> {
  const errors = answer.errors.slice(0, MAX_ERRORS).map(keepableText);
  const time = readTime("not_before", answer.notBefore);
  return time.kind === "failure" ? time : { kind: "INVALID", errors, notBefore: time.time };
}

/** Rounded up to the millisecond, so that what waits for a time is never early. */
function readTime(
  field: string,
  timestamp: Timestamp | undefined,
): { readonly kind: "time"; readonly time: Date | undefined } | Failure<VerdictErrorReason> {
  if (!timestamp) return { kind: "time", time: undefined };
  const { seconds, nanos } = timestamp;
  const ms = Math.ceil(nanos / 1_000_000);
  if (
    seconds < FIRST_SECOND ||
    seconds > LAST_SECOND ||
    nanos < 0 ||
    nanos > 999_999_999 ||
    ms > 999 + Number(seconds < LAST_SECOND)
  )
    return failure(
      "NOT_STORABLE",
      `answered a ${field} outside the years 1 to 9999`,
      "leave the field out if no time is meant",
    );
  return { kind: "time", time: new Date(Number(seconds) * 1000 + ms) };
}
