import { randomUUID } from "node:crypto";
import { ConnectError } from "@connectrpc/connect";
import { expect } from "vitest";
import { Verdict } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { type Clients, createClients } from "./client.ts";
import { createTestDatabase } from "./database.ts";
import { type Sidecar, startSidecar } from "./sidecar.ts";
import { startGrpcValidator, type ValidatorHost } from "./validator-host.ts";

/** Two sidecars of one database, and an application that says yes to everything. */
export interface TwoSidecars {
  readonly sidecars: readonly Sidecar[];
  readonly one: Clients;
  readonly two: Clients;
  readonly host: ValidatorHost;
  readonly databaseUrl: string;
  end(): Promise<void>;
}

export async function startTwoSidecars(): Promise<TwoSidecars> {
  const databaseUrl = await createTestDatabase();
  const env = { DISPATCHER_ENDPOINT_ALLOW: "validators.example:*" };
  const sidecars = await Promise.all([1, 2].map(() => startSidecar({ databaseUrl, env })));
  const [one, two] = sidecars.map(({ grpc }) => createClients(grpc)) as [Clients, Clients];
  const host = await startGrpcValidator(() => ({ verdict: Verdict.VALID }));
  return {
    sidecars,
    one,
    two,
    host,
    databaseUrl,
    async end() {
      await host.stop();
      await Promise.all(sidecars.map((sidecar) => sidecar.stop()));
    },
  };
}

/** `new`, one state between, `done`. */
export const letter = (name: string, finalState = "sent") => ({
  name,
  transitions: [
    { name: "send", finalState },
    { name: "close", finalState: "done" },
  ],
  states: [
    { name: "new", transitions: ["send"] },
    { name: finalState, transitions: ["close"] },
  ],
});

export const unique = (what: string) => `${what}-${randomUUID()}`;

/** The error of a call that is to be refused. */
export async function refusal(call: Promise<unknown>): Promise<ConnectError> {
  return call.then(
    () => expect.fail("it was not refused"),
    (error: unknown) => ConnectError.from(error),
  );
}
