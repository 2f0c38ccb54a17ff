import { rootCertificates } from "node:tls";
import { fromJsonString, toJsonString } from "@bufbuild/protobuf";
import { Agent, type Dispatcher, errors, request as send } from "undici";
import {
  type ValidateRequest,
  ValidateRequestSchema,
  ValidateResponseSchema,
  ValidatorService,
} from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { type Answer, type CallLimits, MAX_ANSWER_BYTES } from "./answer.ts";
import { connectionFailure } from "./connection-failure.ts";
import type { HttpEndpoint } from "./endpoint.ts";
import { type Failure, failure, quoted } from "./failure.ts";

export interface HttpCaller {
  call(endpoint: HttpEndpoint, request: ValidateRequest, limits: CallLimits): Promise<Answer>;
  close(): Promise<void>;
}

const CONNECT_PATH = `/${ValidatorService.typeName}/${ValidatorService.method.validate.name}`;
const MAX_HEADER_BYTES = 16 * 1024;

/**
 * Calls validators by Connect's unary protocol in JSON over HTTP/1.1, which any web handler can answer. Connections are kept;
 * redirects are not followed.
 */
export function createHttpCaller(ca: Buffer | undefined): HttpCaller {
  const agent = new Agent({
    connections: 128,
    pipelining: 1,
    maxHeaderSize: MAX_HEADER_BYTES,
    maxResponseSize: MAX_ANSWER_BYTES,
    // The deadline of the call ends all of it.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: 0, ...(ca && { ca: [...rootCertificates, ca.toString()] }) },
  });

  return {
    async call(endpoint, request, { signal, untilMs }) {
      const left = Math.max(1, Math.ceil(untilMs - performance.now()));
      const late = AbortSignal.timeout(left);
      try {
        const response = await send(urlOf(endpoint), {
          method: "POST",
          dispatcher: agent,
          signal: AbortSignal.any([signal, late]),
          headers: {
            "content-type": "application/json",
            "connect-protocol-version": "1",
            "connect-timeout-ms": String(left),
          },
          body: toJsonString(ValidateRequestSchema, request),
        });
        return await read(response);
      } catch (error) {
        signal.throwIfAborted();
        return late.aborted
          ? failure("TIMEOUT", "did not answer in time", "make it faster")
          : failed(endpoint, error);
      }
    },
    close: () => agent.destroy(),
  };
}

function urlOf({ url, path }: HttpEndpoint): string {
  return path === "" ? `${url.replace(/\/$/, "")}${CONNECT_PATH}` : url;
}

async function read({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<Answer> {
  const bytes = Buffer.from(await body.arrayBuffer());
  if (statusCode !== 200) return refused(statusCode, bytes);
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") {
    return failure(
      "MALFORMED",
      `answered in the encoding ${quoted(String(encoding))}`,
      "answer without compression",
    );
  }
  const type = String(headers["content-type"] ?? "");
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    return failure(
      "MALFORMED",
      `answered ${quoted(type || "no content type")}, not JSON`,
      "answer application/json; is the path right?",
    );
  }
  try {
    // As text: bytes that are no UTF-8 become U+FFFD in what is kept, and the verdict counts.
    const text = new TextDecoder().decode(bytes);
    return {
      kind: "answer",
      message: fromJsonString(ValidateResponseSchema, text, { ignoreUnknownFields: true }),
    };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return failure(
      "MALFORMED",
      `answered JSON that is no ValidateResponse (${quoted(why)})`,
      'answer such as {"verdict":"VERDICT_VALID"} or {"verdict":"VERDICT_INVALID","errors":["why not"]}',
    );
  }
}

function refused(statusCode: number, body: Buffer): Failure {
  const said = messageOf(body);
  const what = `answered status ${statusCode}${said && ` ${quoted(said)}`}`;
  if (statusCode >= 500 || statusCode === 429) return failure("FAILED", what, "see the validator's log");
  const remedy =
    statusCode === 404
      ? "is the path right?"
      : statusCode >= 300 && statusCode < 400
        ? "redirects are not followed: register the address that answers"
        : 'answer 200; "no" is {"verdict":"VERDICT_INVALID"}';
  return failure("REFUSED", what, remedy);
}

/** The message of a Connect error, or what the body says otherwise. */
function messageOf(body: Buffer): string {
  const text = body.toString();
  try {
    const parsed: unknown = JSON.parse(text);
    const isError = typeof parsed === "object" && parsed !== null && "message" in parsed;
    return isError && typeof parsed.message === "string" ? parsed.message : text;
  } catch {
    return text;
  }
}

function failed(endpoint: HttpEndpoint, error: unknown): Failure {
  if (error instanceof errors.ResponseExceededMaxSizeError) {
    return failure("TOO_LARGE", "answered more than 64 KiB", "answer less: put large data behind a link");
  }
  if (error instanceof errors.HeadersOverflowError) {
    return failure("TOO_LARGE", "answered more than 16 KiB of headers", "answer fewer headers");
  }
  if (error instanceof errors.HTTPParserError) {
    return failure(
      "MALFORMED",
      `does not speak HTTP/1.1 (${quoted(error.message)})`,
      "if it is a gRPC server, register it as grpc://",
    );
  }
  const { code, message } = error as NodeJS.ErrnoException;
  return connectionFailure(endpoint, `${code ?? ""} ${message}`);
}
