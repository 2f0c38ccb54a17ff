import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { ValidateResponseSchema } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import type { Reply } from "./asking.ts";
import { type Failure, failure, quoted } from "./failure.ts";
import { MAX_ANSWER_BYTES } from "./limits.ts";

/** An HTTP answer, its body read up to the limit. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
  /** There was more of the body. */
  readonly cut: boolean;
}

const JSON_FORM = 'answer {"verdict":"VERDICT_VALID"} or {"verdict":"VERDICT_INVALID","errors":["why"]}';

/** Tells a ValidateResponse from everything else that a web server may answer. */
export function readHttpAnswer(answer: HttpAnswer): Reply {
  if (answer.status !== 200) return statusFailure(answer);
  const contentType = header(answer, "content-type");
  if (!isJson(contentType)) return wrongType(contentType);
  const encoding = header(answer, "content-encoding");
  if (encoding !== "" && encoding.toLowerCase() !== "identity")
    return failure(
      "MALFORMED",
      `answered in the content encoding ${quoted(encoding)}, which was not asked for`,
      "answer without compression",
    );
  if (answer.cut)
    return failure(
      "TOO_LARGE",
      `answered more than ${MAX_ANSWER_BYTES / 1024} KiB`,
      "put references into the context instead of documents",
    );
  return readBody(answer.body.toString("utf8"));
}

function readBody(text: string): Reply {
  if (text === "") return failure("MALFORMED", "answered an empty body", JSON_FORM);
  try {
    // A byte order mark is no part of the text, and lone surrogates are no characters.
    const json = JSON.parse(text.replace(/^\uFEFF/, "")) as JsonValue;
    const wellFormed = /\\u[dD][89a-fA-F]/.test(text) ? toWellFormed(json) : json;
    return {
      kind: "answer",
      answer: fromJson(ValidateResponseSchema, wellFormed, { ignoreUnknownFields: true }),
    };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return failure(
      "MALFORMED",
      `answered a body that is not a ValidateResponse in JSON (${quoted(why)})`,
      JSON_FORM,
    );
  }
}

function toWellFormed(value: JsonValue): JsonValue {
  if (typeof value === "string") return value.toWellFormed();
  if (Array.isArray(value)) return value.map(toWellFormed);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [key.toWellFormed(), toWellFormed(child)]),
  );
}

function isJson(contentType: string): boolean {
  const [type = "", ...parameters] = contentType.toLowerCase().split(";");
  return (
    type.trim() === "application/json" &&
    parameters.every((parameter) => {
      const [name = "", value = ""] = parameter.split("=");
      return name.trim() !== "charset" || /^"?utf-?8"?$/.test(value.trim());
    })
  );
}

function wrongType(contentType: string): Failure {
  if (/^text\/html\b/i.test(contentType))
    return failure("MALFORMED", "answered a web page, not JSON", "look whether the path is right");
  return failure(
    "MALFORMED",
    contentType === ""
      ? "answered without a content type"
      : `answered the content type ${quoted(contentType)}`,
    "answer JSON with the content type application/json",
  );
}

function statusFailure(answer: HttpAnswer): Failure {
  const { status } = answer;
  const text = errorText(answer);
  const problem = `answered HTTP ${status}${text ? ` (${quoted(text)})` : ""}`;
  if (status >= 500) return failure("FAILED", problem, "see the validator's log");
  if (status === 429)
    return failure("FAILED", problem, "it is asked more than it can take; give it more capacity");
  return failure("REFUSED", problem, remedyFor(answer));
}

function remedyFor(answer: HttpAnswer): string {
  const { status } = answer;
  if (status < 300) return "only 200 counts; answer 200 with the verdict";
  if (status < 400) {
    const location = header(answer, "location");
    return `redirects are not followed; register the final address${location ? `, it names ${quoted(location)}` : ""}`;
  }
  switch (status) {
    case 401:
    case 403:
      return "validators are called without credentials; let the sidecar in";
    case 404:
      return "look whether the path is right";
    case 405:
      return "accept POST";
    case 415:
      return "accept the content type application/json";
    default:
      return 'a "no" is 200 with VERDICT_INVALID, never an error status';
  }
}

/** What Connect calls the error's message, else the body if it is plain text: from outside either way. */
function errorText(answer: HttpAnswer): string {
  const text = answer.body.toString("utf8");
  if (!isJson(header(answer, "content-type"))) return isPlain(answer) ? text : "";
  try {
    const error: unknown = JSON.parse(text);
    if (typeof error !== "object" || error === null) return "";
    return "message" in error && typeof error.message === "string" ? error.message : "";
  } catch {
    return "";
  }
}

function isPlain(answer: HttpAnswer): boolean {
  return /^text\/plain\b/i.test(header(answer, "content-type"));
}

function header({ headers }: HttpAnswer, name: string): string {
  return [headers[name] ?? ""].flat().join(", ").trim();
}
