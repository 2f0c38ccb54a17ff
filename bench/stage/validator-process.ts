import { setTimeout } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import {
  ValidateResponseSchema,
  ValidatorService,
  Verdict,
} from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { serve, serveAsChild } from "./grpc-server.ts";

// Says no to transitions that are called so, and yes to all others, after the given milliseconds.
const delayMs = Number(process.argv[2] ?? 0);

serveAsChild([
  serve(ValidatorService.method.validate, async ({ transition }) => {
    if (delayMs > 0) await setTimeout(delayMs);
    return transition.startsWith("no")
      ? create(ValidateResponseSchema, { verdict: Verdict.INVALID, errors: ["not yet"] })
      : create(ValidateResponseSchema, { verdict: Verdict.VALID, context: { total: 42, note: "ready" } });
  }),
]);
