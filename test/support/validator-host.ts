import { createServer, type RequestListener } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import {
  create,
  fromBinary,
  fromJsonString,
  type MessageInitShape,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import { Server, ServerCredentials, type ServerErrorResponse, status } from "@grpc/grpc-js";
import {
  type ValidateRequest,
  ValidateRequestSchema,
  ValidateResponseSchema,
  ValidatorService,
} from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";

export type ValidateResponseInit = MessageInitShape<typeof ValidateResponseSchema>;

/** The application's part: what it answers. What it throws becomes status UNKNOWN or HTTP 500; a `code` is kept. */
export type Answer = (request: ValidateRequest) => ValidateResponseInit | Promise<ValidateResponseInit>;

export interface ValidatorHost {
  /** What to register as the endpoint. */
  readonly url: string;
  /** Every question so far, in the order it came. */
  readonly calls: ValidateRequest[];
  /** Ends at once, with all its connections. */
  stop(): Promise<void>;
}

export interface GrpcHostOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** Listens on this unix socket instead of a port. */
  readonly socketPath?: string;
  /** PEM. With it the URL is `grpcs://localhost:port`. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** An application that answers over gRPC. */
export async function startGrpcValidator(
  answer: Answer,
  options: GrpcHostOptions = {},
): Promise<ValidatorHost> {
  const calls: ValidateRequest[] = [];
  const { port = 0, socketPath, tls } = options;
  const server = new Server();
  const { validate } = ValidatorService.method;
  server.addService(
    {
      validate: {
        path: `/${ValidatorService.typeName}/${validate.name}`,
        requestStream: false,
        responseStream: false,
        requestSerialize: (request: ValidateRequest) => Buffer.from(toBinary(ValidateRequestSchema, request)),
        requestDeserialize: (bytes) => fromBinary(ValidateRequestSchema, bytes),
        responseSerialize: (response: ValidateResponseInit) =>
          Buffer.from(toBinary(ValidateResponseSchema, create(ValidateResponseSchema, response))),
        responseDeserialize: (bytes) => fromBinary(ValidateResponseSchema, bytes),
      },
    },
    {
      validate: (
        call: { request: ValidateRequest },
        reply: (error: Partial<ServerErrorResponse> | null, response?: ValidateResponseInit) => void,
      ) => {
        calls.push(call.request);
        Promise.try(answer, call.request).then(
          (response) => reply(null, response),
          (error: unknown) =>
            reply({ code: status.UNKNOWN, ...(error as object), details: String((error as Error).message) }),
        );
      },
    },
  );

  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(
      socketPath ? `unix:${socketPath}` : `127.0.0.1:${port}`,
      tls
        ? ServerCredentials.createSsl(null, [
            { private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) },
          ])
        : ServerCredentials.createInsecure(),
      (error, chosen) => (error ? reject(error) : resolve(chosen)),
    );
  });
  const address = tls ? `grpcs://localhost:${bound}` : `grpc://127.0.0.1:${bound}`;
  return {
    url: socketPath ? `unix://${socketPath}` : address,
    calls,
    stop: async () => server.forceShutdown(),
  };
}

export interface HttpHostOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** Path of the URL. Default: none, so that the Connect path is used. */
  readonly path?: string;
  /** PEM. With it the URL is `https://localhost:port`. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** An application that answers with a plain web handler: any path, JSON in, JSON out. */
export async function startHttpValidator(
  answer: Answer,
  options: HttpHostOptions = {},
): Promise<ValidatorHost> {
  const calls: ValidateRequest[] = [];
  const listener: RequestListener = async (request, response) => {
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const question = fromJsonString(ValidateRequestSchema, Buffer.concat(chunks).toString());
      calls.push(question);
      const answered = create(ValidateResponseSchema, await answer(question));
      response.writeHead(200, { "content-type": "application/json" });
      response.end(toJsonString(ValidateResponseSchema, answered));
    } catch (error) {
      response.writeHead(500, { "content-type": "application/json" });
      response.end(JSON.stringify({ code: "unknown", message: String((error as Error).message) }));
    }
  };
  const { tls } = options;
  const server = tls ? createSecureServer(tls, listener) : createServer(listener);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls ? "https://localhost" : "http://127.0.0.1"}:${port}${options.path ?? ""}`,
    calls,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
