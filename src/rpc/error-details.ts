import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { EvaluationReportSchema } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../../gen/ts/google/rpc/error_details_pb.ts";
import type { Refusal } from "../domain/refusal.ts";
import { evaluationToProto } from "./convert/evaluation.ts";
import { cutText } from "./cut-text.ts";

/** An error detail to send; the shape that ConnectError takes. */
export interface ErrorDetail {
  readonly desc: DescMessage;
  readonly value: MessageInitShape<DescMessage>;
}

/**
 * gRPC clients accept 8 KiB of metadata by default. This is what the message (percent-encoded) and the status (base64,
 * with the message once more) may take together; the rest is for names and other headers.
 */
const MAX_METADATA_BYTES = 7000;
/** Of either list; the caller is told how many more there are. */
const MAX_ENTRIES = 100;
/** Of the texts of one evaluation. */
const MAX_ERRORS = 16;
const TEXT_LIMITS = [4096, 1024, 256, 64];
/** What is left of a text when there are many of them. */
const SHORTEST_TEXT = 64;

/** How much of the lists and texts of a refusal is kept. */
interface Extent {
  readonly textBytes: number;
  readonly problems: number;
  readonly evaluations: number;
  /** Per evaluation. */
  readonly errors: number;
}

/**
 * The details of a refusal: ErrorInfo always, BadRequest, RetryInfo and EvaluationReport where it has them.
 *
 * What does not fit is cut in two steps. First every text (metadata, problems, errors of evaluations) is cut at the same length,
 * shorter each time. If that is not enough, all lists are halved until they fit: of the problems the first ones stay, of the
 * evaluations the last ones with their first errors, because the last is what stopped the Execute. Metadata then says how many were left out.
 */
export function detailsWithin(refusal: Refusal, message: string): ErrorDetail[] {
  const room = MAX_METADATA_BYTES - encodeURI(message).length - base64Length(Buffer.byteLength(message));
  const problems = Math.min(refusal.details.problems?.length ?? 0, MAX_ENTRIES);
  const evaluations = Math.min(refusal.details.evaluations?.length ?? 0, MAX_ENTRIES);

  for (const textBytes of TEXT_LIMITS) {
    const details = detailsOf(refusal, { textBytes, problems, evaluations, errors: MAX_ERRORS });
    if (sizeOf(details) <= room) return details;
  }
  for (let part = 2; ; part *= 2) {
    const details = detailsOf(refusal, {
      textBytes: SHORTEST_TEXT,
      problems: Math.ceil(problems / part),
      evaluations: Math.ceil(evaluations / part),
      errors: Math.ceil(MAX_ERRORS / part),
    });
    if (sizeOf(details) <= room || part > MAX_ENTRIES) return details;
  }
}

function detailsOf(refusal: Refusal, extent: Extent): ErrorDetail[] {
  const { metadata, problems, retryAfterMs, evaluations } = refusal.details;
  const text = (value: string) => cutText(value, extent.textBytes);
  const omitted = {
    ...countOmitted("problems_omitted", problems, extent.problems),
    ...countOmitted("evaluations_omitted", evaluations, extent.evaluations),
  };

  const details: ErrorDetail[] = [
    detail(ErrorInfoSchema, {
      domain: "dispatcher",
      reason: refusal.reason,
      metadata: { ...mapValues(metadata ?? {}, text), ...omitted },
    }),
  ];
  if (problems) {
    const fieldViolations = problems
      .slice(0, extent.problems)
      .map((problem) => ({ field: text(problem.field), description: text(problem.message) }));
    details.push(detail(BadRequestSchema, { fieldViolations }));
  }
  if (retryAfterMs !== undefined) {
    details.push(
      detail(RetryInfoSchema, { retryDelay: durationFromMs(Math.ceil(Math.max(0, retryAfterMs))) }),
    );
  }
  if (evaluations) {
    const kept = evaluations
      .slice(evaluations.length - extent.evaluations)
      .map((evaluation) => ({ ...evaluation, errors: evaluation.errors.slice(0, extent.errors).map(text) }));
    details.push(detail(EvaluationReportSchema, { evaluations: kept.map(evaluationToProto) }));
  }
  return details;
}

function detail<Desc extends DescMessage>(desc: Desc, value: MessageInitShape<Desc>): ErrorDetail {
  return { desc, value: create(desc, value) };
}

function countOmitted(
  key: string,
  list: readonly unknown[] | undefined,
  kept: number,
): Record<string, string> {
  const omitted = (list?.length ?? 0) - kept;
  return omitted > 0 ? { [key]: String(omitted) } : {};
}

function mapValues(
  map: Readonly<Record<string, string>>,
  change: (value: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));
}

/** As they travel: base64, each in a google.protobuf.Any with its type's name. */
function sizeOf(details: readonly ErrorDetail[]): number {
  const bytes = details.reduce((sum, { desc, value }) => {
    const any =
      "type.googleapis.com/".length + desc.typeName.length + toBinary(desc, create(desc, value)).length;
    return sum + any + 16;
  }, 0);
  return base64Length(bytes);
}

function base64Length(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}
