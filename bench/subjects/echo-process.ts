import { create } from "@bufbuild/protobuf";
import {
  DispatcherService,
  GetOrCreateChainResponseSchema,
} from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import { executeAnswer } from "../stage/execute-answer.ts";
import { serve, serveAsChild } from "../stage/grpc-server.ts";

serveAsChild([
  serve(DispatcherService.method.execute, async ({ chain, requestedBy, requestId }) => {
    const chainId = chain?.value.case === "id" ? chain.value.value : "";
    return executeAnswer(chainId, requestedBy, requestId, {});
  }),
  serve(DispatcherService.method.getOrCreateChain, async ({ key }) => {
    const id = "01234567-89ab-7def-8123-456789abcdef";
    const { chain } = executeAnswer(id, "", "", {});
    if (chain && key) chain.resources = key.resources;
    return create(GetOrCreateChainResponseSchema, chain && { chain });
  }),
]);
