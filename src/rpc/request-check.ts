import type { DescMessage, Message } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { createValidator, type Validator } from "@bufbuild/protovalidate";
import { type FieldProblem, Refusal } from "../domain/refusal.ts";
import { type Check, checkOf, type ValueProblem } from "./value-check.ts";

/**
 * Refuses a request that breaks a rule of its fields. `requestBytes` is its size as it came, if that is known; it saves
 * measuring what cannot be too large.
 */
export type RequestCheck = (schema: DescMessage, request: Message, requestBytes: number | undefined) => void;

/** Above it only the first broken rule is told: a list of a million bad entries must not take long to refuse. */
const ALL_PROBLEMS_UP_TO_BYTES = 64 * 1024;
const MAX_PAYLOAD_BYTES = 1024 * 1024;

/**
 * Checks requests by the rules in the protos (protovalidate), and by what holds for every field: text without U+0000 and
 * lone surrogates, storable Structs of at most 1 MiB, known enum values, times of the years 1 to 9999.
 *
 * The rules of the given messages are compiled at once, since that takes longer than any caller should wait. Large requests are
 * few, and the first of them waits.
 */
export function createRequestCheck(schemas: Iterable<DescMessage>): RequestCheck {
  const everyProblem = createValidator({ regexMatch: matchPattern });
  let firstProblem: Validator | undefined;
  const failFast = () => {
    firstProblem ??= createValidator({ regexMatch: matchPattern, failFast: true });
    return firstProblem;
  };
  const checks = new Map<DescMessage, Check>();

  for (const schema of schemas) {
    checks.set(schema, checkOf(schema));
    const { kind, error } = everyProblem.validate(schema, create(schema));
    if (kind === "error") throw error;
  }

  return (schema, request, requestBytes) => {
    const found = checks.get(schema)?.(request, mayHoldLargePayload(requestBytes));
    if (found) refuseTooLarge(found);

    const isSmall = requestBytes !== undefined && requestBytes <= ALL_PROBLEMS_UP_TO_BYTES;
    const result = (isSmall ? everyProblem : failFast()).validate(schema, request);
    if (result.kind === "error") throw result.error;
    if (!found && result.kind === "valid") return;

    const problems: FieldProblem[] = (found ?? []).map(({ field, message }) => ({ field, message }));
    const named = new Set(problems.map((problem) => problem.field));
    for (const violation of result.violations ?? []) {
      const field = pathToString(violation.field);
      if (!named.has(field)) problems.push({ field, message: violation.message });
    }
    throw invalidRequest(problems);
  };
}

function refuseTooLarge(problems: readonly ValueProblem[]): void {
  const tooLarge = problems.find((problem) => problem.tooLarge);
  if (!tooLarge) return;
  const { field, message } = tooLarge;
  throw new Refusal("PAYLOAD_TOO_LARGE", `${field} ${message}`, { metadata: { field } });
}

function invalidRequest(problems: readonly FieldProblem[]): Refusal {
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  const words = first ? [first.field, first.message].filter(Boolean).join(": ") : "the request is not valid";
  return new Refusal("INVALID_REQUEST", words + more, { problems });
}

/** JSON text is at most six times as long as what it came in: a control character becomes \u0001. */
function mayHoldLargePayload(requestBytes: number | undefined): boolean {
  return requestBytes === undefined || requestBytes * 6 > MAX_PAYLOAD_BYTES;
}

const compiled = new Map<string, RegExp>();

/** The patterns are our own and linear, so that the platform's engine is as safe as RE2, and much faster. */
function matchPattern(pattern: string, against: string): boolean {
  let regExp = compiled.get(pattern);
  if (!regExp) {
    regExp = new RegExp(pattern, "u");
    compiled.set(pattern, regExp);
  }
  return regExp.test(against);
}
