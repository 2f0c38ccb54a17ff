import { describe, expect, it } from "vitest";
import { endpointProblem } from "../../src/engine/endpoint-problem.ts";
import { createEndpointPolicy } from "../../src/outbound/endpoint-policy.ts";
import { parseRegistryFile } from "../../src/registry-file/parse.ts";
import { chainTypeFile, problemsOf } from "../support/registry-file.ts";

describe("endpoints in a file", () => {
  const policy = createEndpointPolicy({ allow: [], ownPorts: [7480] });
  const checkEndpoint = (url: string) => endpointProblem(policy, url);
  const check = (text: string) =>
    parseRegistryFile(
      text,
      (message) => {
        const problem = checkEndpoint(message.validator?.url ?? "");
        return problem ? [{ field: "validator.url", message: problem }] : [];
      },
      checkEndpoint,
    );

  it.each([
    "file:///etc/passwd",
    "gopher://localhost/",
    "javascript:alert(1)",
    "grpc://",
    "grpc://:9000",
    "http://user:secret-word@localhost:9000/",
    "http://localhost:9000/#part",
    "http://localhost:9000/?query",
    "grpc://localhost:0",
    "grpc://localhost:7480",
    "http://169.254.169.254/latest",
    "http://localhost:9000/\\r\\nHost: other",
    "grpc://elsewhere:9000",
  ])("are located when they are refused: %s", (url) => {
    const result = check(
      `${chainTypeFile({ more: `validator: {url: "${url}"}` })}\nvalidators:\n  - {chainType: cart, endpoint: "${url}"}\ncallbacks:\n  - {chainType: cart, mode: CALLBACK_MODE_AFTER_COMMIT, endpoint: "${url}"}`,
    );
    const problems = result.kind === "invalid" ? result.problems : [];
    expect(problems.map(({ line, column, path }) => `${line}:${column} ${path}`)).toEqual([
      "5:22 chainTypes[0].validator.url",
      "7:33 validators[0].endpoint",
      "9:67 callbacks[0].endpoint",
    ]);
    expect(JSON.stringify(problems)).not.toContain("secret-word");
  });

  it("may have a URL of 1000 bytes", () => {
    const url = (length: number) => `http://localhost:9000/${"x".repeat(length - 22)}`;
    expect(problemsOf(chainTypeFile({ more: `validator: {url: "${url(1000)}"}` }))).toEqual([]);
    for (const length of [1001, 100_000]) {
      expect(problemsOf(chainTypeFile({ more: `validator: {url: "${url(length)}"}` }))).toEqual([
        "5:22 chainTypes[0].validator.url: must be at most 1000 bytes",
      ]);
    }
  });

  it.each([
    ["0s", false],
    ["-1s", false],
    ["0.000000001s", false],
    ["0.05s", true],
    ["30s", true],
    ["30.000000001s", false],
    ["1000000000s", false],
  ])("may have a timeout of 50 ms to 30 s: %s", (timeout, isRight) => {
    const text = chainTypeFile({ more: `validator: {url: "grpc://localhost:9000", timeout: ${timeout}}` });
    expect(problemsOf(text)).toEqual(
      isRight
        ? []
        : [
            "5:56 chainTypes[0].validator.timeout: must be greater than or equal to 0.050s and less than or equal to 30s",
          ],
    );
  });

  it("may not keep a claim longer than a third of it", () => {
    const text = chainTypeFile({
      more: "callback: {mode: CALLBACK_MODE_BEFORE_COMMIT, endpoint: {url: 'grpc://localhost:9000', timeout: 11s}}",
    });
    expect(problemsOf(text)).toEqual([
      "5:101 chainTypes[0].callback.endpoint.timeout: a BEFORE_COMMIT callback may take at most 10 s, a third of its claim",
    ]);
  });

  it("have no place for headers or secrets, and what stood there is not repeated", () => {
    const secrets = `validator: {url: "grpc://localhost:9000", headers: {Authorization: Bearer secret-word}, token: secret-word}`;
    const problems = problemsOf(chainTypeFile({ more: secrets }));
    expect(problems).toEqual([
      '5:47 chainTypes[0].validator: unknown key "headers": the keys here are url, timeout',
      '5:93 chainTypes[0].validator: unknown key "token": the keys here are url, timeout',
    ]);
  });
});
