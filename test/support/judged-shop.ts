import { randomUUID } from "node:crypto";
import { EvaluationMode, OnError } from "../../gen/ts/dispatcher/v1/chain_type_pb.ts";
import { Verdict } from "../../gen/ts/dispatcher/validator/v1/validator_service_pb.ts";
import { type Listener, type Served, serve } from "./served.ts";
import { startGrpcValidator, type ValidateResponseInit, type ValidatorHost } from "./validator-host.ts";

type Answers = Readonly<Record<string, ValidateResponseInit | (() => Promise<ValidateResponseInit>)>>;

/** A sidecar with one application, whose answers a test sets as it goes. */
export interface JudgedShop extends Served {
  readonly host: ValidatorHost;
  /** What the application answers, by transition; one that is not named is invalid: "not <name>". */
  answer(answers: Answers): void;
  /** The transitions asked about since so many calls, in order. */
  asked(since: number): string[];
  /** A chain like no other, of a type that is judged one by one (`plain`), in `parallel`, with `skipping`, or by `nobody`. */
  makeChain(listener: Listener, chainType?: string): Promise<{ ref: ReturnType<typeof byKey>; id: string }>;
}

export const valid = { verdict: Verdict.VALID };

export const keyOf = (chainType = "plain") => ({
  chainType,
  resources: [{ resourceType: "thing", resourceId: randomUUID() }],
});
export const byKey = (key: ReturnType<typeof keyOf>) => ({ value: { case: "key" as const, value: key } });

const transitions = [
  { name: "one", finalState: "middle" },
  { name: "two", finalState: "middle" },
  { name: "end", finalState: "done" },
  { name: "late", finalState: "middle", delay: { seconds: 3600n } },
];
const states = [
  { name: "new", transitions: ["one", "two", "late", "end"] },
  { name: "middle", transitions: ["end"] },
];

export async function openJudgedShop(): Promise<JudgedShop> {
  const served = await serve();
  let answers: Answers = {};
  const host = await startGrpcValidator(({ transition }) => {
    const answer = answers[transition] ?? { verdict: Verdict.INVALID, errors: [`not ${transition}`] };
    return typeof answer === "function" ? answer() : answer;
  });
  const validator = { url: host.url, timeout: { nanos: 500_000_000 } };
  const chainTypes = [
    { name: "plain", transitions, states, validator },
    { name: "parallel", transitions, states, validator, evaluation: EvaluationMode.PARALLEL },
    {
      name: "skipping",
      transitions: transitions.map((transition) => ({ ...transition, onError: OnError.SKIP })),
      states,
      validator,
    },
    { name: "nobody", transitions, states },
  ];
  for (const chainType of chainTypes) await served.over.gRPC.registry.registerChainType({ chainType });
  return {
    ...served,
    host,
    answer(next) {
      answers = next;
    },
    asked: (since) => host.calls.slice(since).map(({ transition }) => transition),
    async makeChain(listener, chainType) {
      const key = keyOf(chainType);
      const { chain } = await served.over[listener].dispatcher.getOrCreateChain({ key });
      return { ref: byKey(key), id: chain?.id ?? "" };
    },
    async end() {
      await host.stop();
      await served.end();
    },
  };
}
