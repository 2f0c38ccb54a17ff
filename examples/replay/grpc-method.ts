import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";

/**
 * What grpc-js needs to know of a method, for a client as for a server, taken from its descriptor: no stubs are generated for it.
 */
export function grpcMethod<I extends DescMessage, O extends DescMessage>(method: DescMethodUnary<I, O>) {
  const { input, output } = method;
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: (request: MessageInitShape<I>) => Buffer.from(toBinary(input, create(input, request))),
    requestDeserialize: (bytes: Buffer): MessageShape<I> => fromBinary(input, bytes),
    responseSerialize: (response: MessageInitShape<O>) =>
      Buffer.from(toBinary(output, create(output, response))),
    responseDeserialize: (bytes: Buffer): MessageShape<O> => fromBinary(output, bytes),
  } as const;
}
