import type { AsyncCommand } from "fast-check";
import fc from "fast-check";
import { expect } from "vitest";
import { Outcome } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import { type Clients, reasonOf } from "../support/client.ts";
import * as model from "./chain-model.ts";

/** The service as one client uses it: it has one chain of its own, which nobody else calls. */
export interface Subject {
  /** Any replica is as good as any other. */
  replica(): Clients;
  readonly key: { chainType: string; resources: { resourceType: string; resourceId: string }[] };
  /** What the application says about the chain. */
  setValid(valid: ReadonlySet<string>): void;
  /** Ends the chain's claim, as time would. */
  expireClaim(): Promise<unknown>;
  token: string;
}

interface Held {
  chain: model.ChainModel;
}

type Command = AsyncCommand<Held, Subject>;

const refOf = ({ key }: Subject) => ({ value: { case: "key" as const, value: key } });

async function answered(
  call: Promise<{
    outcome?: Outcome;
    chain?: { state: string; version: bigint };
    transition?: { name: string };
  }>,
): Promise<model.Answer> {
  try {
    const { outcome = Outcome.TRANSITIONED, chain, transition } = await call;
    const name = Object.entries(Outcome).find(([, value]) => value === outcome)?.[0] ?? "";
    return {
      outcome: name,
      state: chain?.state ?? "",
      version: Number(chain?.version),
      ...(transition && { transition: transition.name }),
    };
  } catch (error) {
    const refused = reasonOf(error);
    if (refused === "") throw error;
    return { refused };
  }
}

function command(
  name: string,
  check: (chain: model.ChainModel) => boolean,
  run: (held: Held, subject: Subject) => Promise<void>,
): Command {
  return { check: ({ chain }) => check(chain), run, toString: () => name };
}

const create = command(
  "create",
  () => true,
  async (held, subject) => {
    const { chain, created } = await subject.replica().dispatcher.getOrCreateChain({ key: subject.key });
    expect(created).toBe(!held.chain.exists);
    if (!held.chain.exists) held.chain = { ...model.absent, exists: true };
    expect([chain?.state, Number(chain?.version)]).toEqual([held.chain.state, held.chain.version]);
  },
);

const execute = (call: model.Executed) =>
  command(
    `execute(${JSON.stringify({ ...call, valid: [...call.valid] })})`,
    () => true,
    async (held, subject) => {
      subject.setValid(call.valid);
      const expected = model.execute(held.chain, call);
      let token = "";
      const answer = await answered(
        subject
          .replica()
          .dispatcher.execute({
            chain: refOf(subject),
            requestId: call.request,
            claim: call.claim,
            dryRun: call.dryRun,
          })
          .then((response) => {
            token = response.claim?.token ?? "";
            return response as never;
          }),
      );
      expect(answer).toEqual(expected.answer);
      if (token) subject.token = token;
      held.chain = expected.next;
    },
  );

const complete = command(
  "complete",
  ({ claim }) => claim !== undefined,
  async (held, subject) => {
    const expected = model.complete(held.chain);
    const { token } = subject;
    for (const _ of ["once", "and again"]) {
      const answer = await answered(subject.replica().dispatcher.completeTransition({ token }) as never);
      expect(answer).toEqual(expected.answer);
    }
    held.chain = expected.next;
  },
);

const abandon = command(
  "abandon",
  ({ claim }) => claim !== undefined,
  async (held, subject) => {
    await subject.replica().dispatcher.abandonTransition({ token: subject.token, errors: ["model"] });
    held.chain = model.unclaimed(held.chain);
  },
);

const expire = command(
  "expire the claim",
  ({ claim }) => claim !== undefined,
  async (held, subject) => {
    await subject.expireClaim();
    held.chain = model.unclaimed(held.chain);
    const late = answered(subject.replica().dispatcher.completeTransition({ token: subject.token }) as never);
    expect(await late).toEqual({ refused: "CLAIM_EXPIRED" });
  },
);

const disable = (disabled: boolean) =>
  command(
    disabled ? "disable" : "enable",
    ({ exists }) => exists,
    async (held, subject) => {
      const updateMask = { paths: ["disabled"] };
      await subject.replica().dispatcher.updateChain({ chain: refOf(subject), updateMask, disabled });
      held.chain = { ...held.chain, disabled };
    },
  );

const setState = (state: string) =>
  command(
    `set ${state}`,
    ({ exists }) => exists,
    async (held, subject) => {
      await subject.replica().dispatcher.setChainState({ chain: refOf(subject), state });
      held.chain = { ...model.unclaimed(held.chain), state, version: held.chain.version + 1 };
    },
  );

const remove = command(
  "delete",
  ({ exists }) => exists,
  async (held, subject) => {
    const answer = await answered(
      subject.replica().dispatcher.deleteChain({ chain: refOf(subject) }) as never,
    );
    if (held.chain.claim) expect(answer).toEqual({ refused: "CLAIMED" });
    else held.chain = model.absent;
  },
);

const names = model.circle.transitions.map(({ name }) => name);

const executing = fc
  .record({
    request: fc.constantFrom("", "", "r1", "r2"),
    claim: fc.boolean(),
    dryRun: fc.boolean(),
    valid: fc.subarray(names).map((valid) => new Set<string>(valid)),
  })
  .map(({ request, claim, dryRun, valid }) =>
    execute({ request: request && `${request} ${claim}`, claim: claim && !dryRun, dryRun, valid }),
  );

/** What one client does. Each kind of request keeps ids of its own, since an id stands for one request. */
export const commands = (size: number) =>
  fc.commands(
    [
      fc.constant(create),
      // More of it than of all else, or chains would hardly move.
      executing,
      executing,
      executing,
      fc.constant(complete),
      fc.constant(abandon),
      fc.constant(expire),
      fc.boolean().map(disable),
      fc.constantFrom("new", "middle", "done").map(setState),
      fc.constant(remove),
    ],
    { maxCommands: size, size: "max" },
  );
