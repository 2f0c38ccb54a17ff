import { Client, credentials } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { grpcMethod } from "../../examples/replay/grpc-method.ts";
import { type LogValidator, serveLogValidator } from "../../examples/replay/log-validator.ts";
import {
  type ValidateResponse,
  ValidatorService,
  Verdict,
} from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";

let validator: LogValidator;
let client: Client;
beforeAll(async () => {
  validator = await serveLogValidator();
  client = new Client(validator.url.replace("grpc://", ""), credentials.createInsecure());
});
afterAll(() => {
  client.close();
  validator.stop();
});

function ask(trace: number, version: number, finalState: string): Promise<ValidateResponse> {
  const { path, requestSerialize, responseDeserialize } = grpcMethod(ValidatorService.method.validate);
  const resources = [
    { resourceType: "case", resourceId: "1" },
    { resourceType: "replay", resourceId: "1" },
    { resourceType: "trace", resourceId: String(trace) },
  ];
  const question = { chain: { version: BigInt(version), resources }, finalState };
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, question, (error, answer) =>
      error ? reject(error) : resolve(answer as ValidateResponse),
    );
  });
}

describe("the replay's validator", () => {
  it("says of each transition whether it is the case's next event", async () => {
    validator.know(7, ["a", "b", "a", "done"]);
    validator.know(8, ["done"]);

    expect(await ask(7, 0, "a")).toMatchObject({ verdict: Verdict.VALID, errors: [] });
    expect(await ask(7, 0, "b")).toMatchObject({ verdict: Verdict.INVALID, errors: ["next in the log: a"] });
    expect(await ask(7, 1, "b")).toMatchObject({ verdict: Verdict.VALID });
    expect(await ask(7, 2, "a")).toMatchObject({ verdict: Verdict.VALID });
    expect(await ask(7, 3, "done")).toMatchObject({ verdict: Verdict.VALID });
    expect(await ask(8, 0, "done")).toMatchObject({ verdict: Verdict.VALID });
  });

  it("says no to everything after the end of the case", async () => {
    validator.know(9, ["done"]);
    expect(await ask(9, 1, "a")).toMatchObject({ verdict: Verdict.INVALID, errors: ["the log ends here"] });
    expect(await ask(9, 1, "")).toMatchObject({ verdict: Verdict.INVALID });
  });

  it("cannot tell of a case that is not being replayed", async () => {
    await expect(ask(10, 0, "a")).rejects.toThrow(/NOT_FOUND: this case is not being replayed now/);
    validator.know(10, ["a", "done"]);
    expect(await ask(10, 0, "a")).toMatchObject({ verdict: Verdict.VALID });
    validator.forget(10);
    await expect(ask(10, 0, "a")).rejects.toThrow(/NOT_FOUND/);
  });
});
