import { once } from "node:events";
import { createServer as createHttpServer, type RequestListener } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from "node:net";
import { fromBinary, fromJsonString, toBinary } from "@bufbuild/protobuf";
import {
  Server,
  ServerCredentials,
  type ServerErrorResponse,
  type ServerUnaryCall,
  status,
} from "@grpc/grpc-js";
import {
  CallbackService,
  type HandleTransitionRequest,
  HandleTransitionRequestSchema,
  type HandleTransitionResponse,
  HandleTransitionResponseSchema,
} from "../../gen/ts/dispatcher/callback/v1/callback_service_pb.ts";

/** One call as it came. */
export interface ReceivedCall {
  readonly request: HandleTransitionRequest;
  /** Of the message over gRPC, of the body over HTTP. */
  readonly bytes: Buffer;
  /** gRPC metadata or HTTP headers; names in lower case. */
  readonly metadata: Readonly<Record<string, string>>;
  /** How much time the receiver was told to have. */
  readonly timeoutMs: number;
}

/** What the receiver does with a call. */
export type Reaction =
  | { readonly kind: "done"; readonly httpStatus?: number }
  | {
      readonly kind: "error";
      readonly message: string;
      /** Default: UNKNOWN. */
      readonly grpcStatus?: status;
      /** Default: 500. */
      readonly httpStatus?: number;
      /** Of the HTTP answer. */
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Answers nothing before `release`, and "done" after it. */
  | { readonly kind: "hang" }
  /** Resets all connections of the receiver, unanswered. */
  | { readonly kind: "break" };

export type React = (call: ReceivedCall) => Reaction | Promise<Reaction>;

export interface CallbackHost {
  /** What to register as the endpoint. */
  readonly url: string;
  /** Every call so far, in the order it came. */
  readonly calls: ReceivedCall[];
  /** How many connections were made to it. */
  readonly connections: () => number;
  /** Has all calls that hang answered. Those that hang later wait for the next one. */
  release(): void;
  /** Ends at once, with all its connections. */
  stop(): Promise<void>;
}

export interface CallbackHostOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** gRPC alone: listens on this unix socket instead of a port. */
  readonly socketPath?: string;
  /** HTTP alone: path of the URL. Default: none, so that the Connect path is used. */
  readonly path?: string;
  /** PEM. With it the URL is `grpcs://localhost:port` or `https://localhost:port`. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** An application that receives effects over gRPC. */
export async function startGrpcCallback(
  react: React = () => ({ kind: "done" }),
  options: CallbackHostOptions = {},
): Promise<CallbackHost> {
  const { tls } = options;
  const wire = new Wire();
  const received = new Received(react, wire);
  const grpc = new Server();
  const { handleTransition } = CallbackService.method;
  grpc.addService(
    {
      handleTransition: {
        path: `/${CallbackService.typeName}/${handleTransition.name}`,
        requestStream: false,
        responseStream: false,
        requestSerialize: (bytes: Buffer) => bytes,
        requestDeserialize: (bytes: Buffer) => bytes,
        responseSerialize: (response: HandleTransitionResponse) =>
          Buffer.from(toBinary(HandleTransitionResponseSchema, response)),
        responseDeserialize: (bytes: Buffer) => fromBinary(HandleTransitionResponseSchema, bytes),
      },
    },
    {
      handleTransition: async (
        call: ServerUnaryCall<Buffer, HandleTransitionResponse>,
        reply: (error: Partial<ServerErrorResponse> | null, response?: { $typeName: string }) => void,
      ) => {
        const names = Object.entries(call.metadata.getMap()).map(([name, value]) => [name, String(value)]);
        const reaction = await received.take({
          request: fromBinary(HandleTransitionRequestSchema, call.request),
          bytes: call.request,
          metadata: Object.fromEntries(names),
          timeoutMs: Number(call.getDeadline()) - Date.now(),
        });
        if (reaction.kind === "done") reply(null, { $typeName: HandleTransitionResponseSchema.typeName });
        if (reaction.kind === "error")
          reply({ code: reaction.grpcStatus ?? status.UNKNOWN, details: reaction.message });
      },
    },
  );
  // grpc-js hides the connections that it accepts itself.
  const injector = grpc.createConnectionInjector(
    tls
      ? ServerCredentials.createSsl(null, [
          { private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) },
        ])
      : ServerCredentials.createInsecure(),
  );
  const server = createServer((socket) => injector.injectConnection(socket));
  const port = await wire.listen(server, options);
  const address = tls ? `grpcs://localhost:${port}` : `grpc://127.0.0.1:${port}`;
  return {
    url: options.socketPath ? `unix://${options.socketPath}` : address,
    calls: received.calls,
    connections: () => wire.accepted,
    release: () => received.release(),
    stop: async () => {
      grpc.forceShutdown();
      await wire.stop();
    },
  };
}

/** An application that receives effects with a plain web handler: any path, JSON in. */
export async function startHttpCallback(
  react: React = () => ({ kind: "done" }),
  options: CallbackHostOptions = {},
): Promise<CallbackHost> {
  const { tls, path = "" } = options;
  const wire = new Wire();
  const received = new Received(react, wire);
  const listener: RequestListener = async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    const reaction = await received.take({
      request: fromJsonString(HandleTransitionRequestSchema, bytes.toString()),
      bytes,
      metadata: request.headers as Record<string, string>,
      timeoutMs: Number(request.headers["connect-timeout-ms"]),
    });
    if (reaction.kind === "done") response.writeHead(reaction.httpStatus ?? 200).end();
    if (reaction.kind === "error") {
      response.writeHead(reaction.httpStatus ?? 500, {
        "content-type": "application/json",
        ...reaction.headers,
      });
      response.end(JSON.stringify({ code: "unknown", message: reaction.message }));
    }
  };
  const server = tls ? createHttpsServer(tls, listener) : createHttpServer(listener);
  const port = await wire.listen(server, options);
  return {
    url: `${tls ? "https://localhost" : "http://127.0.0.1"}:${port}${path}`,
    calls: received.calls,
    connections: () => wire.accepted,
    release: () => received.release(),
    stop: () => wire.stop(),
  };
}

/** What came, and what is to be answered. */
class Received {
  readonly calls: ReceivedCall[] = [];
  readonly #react: React;
  readonly #wire: Wire;
  #released = Promise.withResolvers<void>();

  constructor(react: React, wire: Wire) {
    this.#react = react;
    this.#wire = wire;
  }

  async take(call: ReceivedCall): Promise<Reaction> {
    this.calls.push(call);
    const reaction = await this.#react(call);
    if (reaction.kind === "break") this.#wire.reset();
    if (reaction.kind !== "hang") return reaction;
    await this.#released.promise;
    return { kind: "done" };
  }

  release(): void {
    this.#released.resolve();
    this.#released = Promise.withResolvers<void>();
  }
}

/** The connections of a server. */
class Wire {
  accepted = 0;
  readonly #open = new Set<Socket>();
  #server: NetServer | undefined;
  #isUnix = false;

  /** Gives the port; 0 for a unix socket. */
  async listen(server: NetServer, { port = 0, socketPath }: CallbackHostOptions): Promise<number> {
    this.#server = server;
    this.#isUnix = socketPath !== undefined;
    server.on("connection", (socket: Socket) => {
      this.accepted += 1;
      this.#open.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => this.#open.delete(socket));
    });
    if (socketPath) server.listen(socketPath);
    else server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return socketPath ? 0 : (server.address() as AddressInfo).port;
  }

  reset(): void {
    for (const socket of this.#open) {
      if (this.#isUnix) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  async stop(): Promise<void> {
    const closed = once(this.#server ?? createServer(), "close");
    this.#server?.close();
    for (const socket of this.#open) socket.destroy();
    await closed;
  }
}
