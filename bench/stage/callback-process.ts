import { create } from "@bufbuild/protobuf";
import {
  CallbackService,
  HandleTransitionResponseSchema,
} from "../../gen/ts/dispatcher/callback/v1/callback_service_pb.ts";
import { serve, serveAsChild } from "./grpc-server.ts";

// Receives effects, and has carried them out at once.
serveAsChild([
  serve(CallbackService.method.handleTransition, async () => create(HandleTransitionResponseSchema)),
]);
