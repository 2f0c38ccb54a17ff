import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import {
  type ValidateResponse,
  ValidateResponseSchema,
} from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { type Failure, failure, quoted } from "./failure.ts";
import { httpStatusFailure, statusProblem } from "./http-failure.ts";
import { bodyText, type HttpHeard, header, isJson } from "./http-heard.ts";
import { type MethodTerms, tooLarge } from "./method-terms.ts";
import type { Reply } from "./reply.ts";

const JSON_FORM = 'answer {"verdict":"VERDICT_VALID"} or {"verdict":"VERDICT_INVALID","errors":["why"]}';

/** Tells a ValidateResponse from everything else that a web server may answer. */
export function readValidatorJson(heard: HttpHeard, terms: MethodTerms): Reply<ValidateResponse> {
  if (heard.status !== 200)
    return heard.status < 300
      ? failure("REFUSED", statusProblem(heard), "only 200 counts; answer 200 with the verdict")
      : httpStatusFailure(heard, terms);
  const contentType = header(heard, "content-type");
  if (!isJson(contentType)) return wrongType(contentType);
  const encoding = header(heard, "content-encoding");
  if (encoding !== "" && encoding.toLowerCase() !== "identity")
    return failure(
      "MALFORMED",
      `answered in the content encoding ${quoted(encoding)}, which was not asked for`,
      "answer without compression",
    );
  return heard.end === "cut" ? tooLarge(terms) : readBody(bodyText(heard));
}

function readBody(text: string): Reply<ValidateResponse> {
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
