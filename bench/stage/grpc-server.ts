import {
  type DescMethodUnary,
  fromBinary,
  type Message,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { type handleUnaryCall, Server, ServerCredentials } from "@grpc/grpc-js";

/** One method as a plain user of grpc-js and protobuf-es serves it. */
export interface Served<M extends DescMethodUnary = DescMethodUnary> {
  readonly method: M;
  readonly answer: (request: MessageShape<M["input"]>) => Promise<MessageShape<M["output"]>>;
}

export function serve<M extends DescMethodUnary>(
  method: M,
  answer: (request: MessageShape<M["input"]>) => Promise<MessageShape<M["output"]>>,
): Served {
  return { method, answer } as unknown as Served;
}

/** Serves them on a free loopback port, and tells it to the parent process. */
export function serveAsChild(served: readonly Served[]): void {
  const server = new Server({ "grpc.max_concurrent_streams": 1024 });
  for (const { method, answer } of served) {
    const name = method.localName;
    server.addService(
      {
        [name]: {
          path: `/${method.parent.typeName}/${method.name}`,
          requestStream: false,
          responseStream: false,
          requestSerialize: (message: Message) => Buffer.from(toBinary(method.input, message)),
          requestDeserialize: (bytes: Buffer) => fromBinary(method.input, bytes),
          responseSerialize: (message: Message) => Buffer.from(toBinary(method.output, message)),
          responseDeserialize: (bytes: Buffer) => fromBinary(method.output, bytes),
        },
      },
      {
        [name]: unary(answer),
      },
    );
  }
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    process.send?.({ port });
  });
}

function unary(answer: (request: Message) => Promise<Message>): handleUnaryCall<Message, Message> {
  return ({ request }, respond) => {
    answer(request).then((message) => respond(null, message), respond);
  };
}
