import { errors } from "undici";
import { connectionFailure, notHttp } from "./connection-failure.ts";
import type { HttpEndpoint } from "./endpoint.ts";
import { type Failure, failure, quoted } from "./failure.ts";
import { bodyText, type HttpHeard, header, isJson } from "./http-heard.ts";
import { MAX_HEADER_BYTES } from "./limits.ts";
import type { MethodTerms } from "./method-terms.ts";

/** Why an exchange broke, before its answer or amid it. */
export function httpFailure(endpoint: HttpEndpoint, heard: HttpHeard, terms: MethodTerms): Failure {
  const error = heard.error ?? new Error("no answer");
  const found = heard.status === 0 ? before(endpoint, error, terms) : amid(endpoint, error, terms);
  return { ...found, mayBeDone: heard.isSent };
}

function before(endpoint: HttpEndpoint, error: NodeJS.ErrnoException, terms: MethodTerms): Failure {
  const { code = "", message } = error;
  if (/HEADERS?_OVERFLOW/.test(code))
    return failure("TOO_LARGE", `answered more than ${MAX_HEADER_BYTES / 1024} KiB of headers`, "send fewer");
  if (error instanceof errors.HTTPParserError) return notHttp(endpoint, message);
  const failed = connectionFailure(endpoint, `${code} ${message}`, terms);
  return hadServed(error) ? { ...failed, mayRepeat: true } : failed;
}

/** Perhaps the server closed an idle connection just as the request was sent over it. */
function hadServed(error: Error): boolean {
  return error instanceof errors.SocketError && (error.socket?.bytesRead ?? 0) > 0;
}

function amid(endpoint: HttpEndpoint, error: Error, { server }: MethodTerms): Failure {
  return error instanceof errors.HTTPParserError
    ? notHttp(endpoint, error.message)
    : failure(
        "UNREACHABLE",
        `broke the connection amid its answer (${quoted(error.message)})`,
        `see the ${server}'s log`,
      );
}

/** What an HTTP status means that refuses the request. */
export function httpStatusFailure(heard: HttpHeard, terms: MethodTerms): Failure {
  return { ...refusal(heard, terms), mayBeDone: false };
}

function refusal(heard: HttpHeard, terms: MethodTerms): Failure {
  const { status } = heard;
  const problem = statusProblem(heard);
  if (status >= 500) return failure("FAILED", problem, `see the ${terms.server}'s log`);
  if (status === 429)
    return failure("FAILED", problem, "it is asked more than it can take; give it more capacity");
  return failure("REFUSED", problem, remedyFor(heard, terms));
}

/** "answered HTTP 500", with the error's text if there is one. */
export function statusProblem(heard: HttpHeard): string {
  const text = errorText(heard);
  return `answered HTTP ${heard.status}${text ? ` (${quoted(text)})` : ""}`;
}

function remedyFor(heard: HttpHeard, { server, insteadOfRefusing }: MethodTerms): string {
  const { status } = heard;
  if (status < 400) {
    const location = header(heard, "location");
    return `redirects are not followed; register the final address${location ? `, it names ${quoted(location)}` : ""}`;
  }
  switch (status) {
    case 401:
    case 403:
      return `${server}s are called without credentials; let the sidecar in`;
    case 404:
      return "look whether the path is right";
    case 405:
      return "accept POST";
    case 415:
      return "accept the content type application/json";
    default:
      return insteadOfRefusing.http;
  }
}

/** What Connect calls the error's message, else the body if it is plain text: from outside either way. */
function errorText(heard: HttpHeard): string {
  const contentType = header(heard, "content-type");
  const text = bodyText(heard);
  if (!isJson(contentType)) return /^text\/plain\b/i.test(contentType) ? text : "";
  try {
    const error: unknown = JSON.parse(text);
    if (typeof error !== "object" || error === null) return "";
    return "message" in error && typeof error.message === "string" ? error.message : "";
  } catch {
    return "";
  }
}
