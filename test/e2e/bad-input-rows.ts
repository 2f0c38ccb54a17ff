import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import type { Match } from "../../gen/ts/dispatcher/v1/chain_pb.ts";
import type { ExecuteRequestSchema } from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import type { Clients } from "../support/client.ts";

const ID = "0190b5a8-0000-7000-8000-000000000000";
const thing = { resourceType: "thing", resourceId: "1" };
export const key = { chainType: "order", resources: [thing] };
export const ref = { value: { case: "key" as const, value: key } };
export const definition = {
  name: "order",
  transitions: [{ name: "pay", finalState: "done" }],
  states: [{ name: "new", transitions: ["pay"] }],
};

/** What is wrong, the call that is, and what it is refused with. */
export type Row = [string, (clients: Clients) => Promise<unknown>, Code, string];

const create =
  (chainType: string, resources: { resourceType: string; resourceId: string }[]) => (clients: Clients) =>
    clients.dispatcher.getOrCreateChain({ key: { chainType, resources } });
const execute = (more: MessageInitShape<typeof ExecuteRequestSchema>) => (clients: Clients) =>
  clients.dispatcher.execute({ chain: ref, ...more } as MessageInitShape<typeof ExecuteRequestSchema>);
const register =
  (more: Parameters<Clients["registry"]["registerChainType"]>[0]["chainType"]) => (clients: Clients) =>
    clients.registry.registerChainType({ chainType: { ...definition, name: "other", ...more } });
const validator = (more: object) => (clients: Clients) =>
  clients.registry.registerValidator({ chainType: "order", endpoint: "grpc://127.0.0.1:9", ...more });

const long = "x".repeat(256);
const deep = JSON.parse(`${'{"a":'.repeat(110)}1${"}".repeat(110)}`);
const INVALID = [Code.InvalidArgument, "INVALID_REQUEST"] as const;
const BAD_DEFINITION = [Code.InvalidArgument, "INVALID_DEFINITION"] as const;

export const rows: Row[] = [
  ["1 empty chain type", create("", [thing]), ...INVALID],
  ["2 chain type of a million characters", create("x".repeat(1_000_000), [thing]), ...INVALID],
  ["256 bytes of chain type", create(long, [thing]), ...INVALID],
  ["an unknown chain type", create("unknown", [thing]), Code.NotFound, "CHAIN_TYPE_NOT_FOUND"],
  ["3 U+0000 in a resource id", create("order", [{ ...thing, resourceId: "a\0b" }]), ...INVALID],
  ["9 line break in a resource id", create("order", [{ ...thing, resourceId: "a\r\nb" }]), ...INVALID],
  ["empty resource type", create("order", [{ ...thing, resourceType: "" }]), ...INVALID],
  ["256 bytes of resource id", create("order", [{ ...thing, resourceId: long }]), ...INVALID],
  ["128 characters of two bytes", create("order", [{ ...thing, resourceId: "ü".repeat(128) }]), ...INVALID],
  ["10 no mappings", create("order", []), ...INVALID],
  [
    "33 mappings",
    create(
      "order",
      Array.from({ length: 33 }, (_, index) => ({ ...thing, resourceId: `${index}` })),
    ),
    ...INVALID,
  ],
  [
    "11 fifty thousand mappings, just below the transport's limit",
    create(
      "order",
      Array.from({ length: 50_000 }, (_, index) => ({ ...thing, resourceId: `${index}` })),
    ),
    Code.InvalidArgument,
    "INVALID_REQUEST",
  ],
  [
    "an unknown match",
    ({ dispatcher }) => dispatcher.getOrCreateChain({ key: { ...key, match: 9 as Match } }),
    ...INVALID,
  ],
  ["no key", ({ dispatcher }) => dispatcher.getOrCreateChain({}), ...INVALID],
  ["18 no reference", ({ dispatcher }) => dispatcher.execute({}), ...INVALID],
  ["18 an empty reference", ({ dispatcher }) => dispatcher.execute({ chain: {} }), ...INVALID],
  [
    "an id that is no UUID",
    ({ dispatcher }) => dispatcher.getChain({ chain: { value: { case: "id", value: "7" } } }),
    ...INVALID,
  ],
  [
    "an unknown id",
    ({ dispatcher }) => dispatcher.getChain({ chain: { value: { case: "id", value: ID } } }),
    Code.NotFound,
    "CHAIN_NOT_FOUND",
  ],
  [
    "15 a context nested too deep",
    execute({ initialContext: deep }),
    Code.InvalidArgument,
    "INVALID_REQUEST",
  ],
  ["U+0000 in a context", execute({ initialContext: { a: ["\0"] } }), ...INVALID],
  [
    "a context above 1 MiB",
    execute({ initialContext: { a: "x".repeat(1_100_000) } }),
    Code.ResourceExhausted,
    "PAYLOAD_TOO_LARGE",
  ],
  ["16 a negative version", execute({ expectedVersion: -1n }), ...INVALID],
  [
    "16 a version above 2^53",
    execute({ expectedVersion: 2n ** 53n + 1n }),
    Code.FailedPrecondition,
    "VERSION_MISMATCH",
  ],
  ["dry_run with claim", execute({ dryRun: true, claim: true }), ...INVALID],
  ["evaluate_all without dry_run", execute({ evaluateAll: true }), ...INVALID],
  [
    "create_if_absent with an id",
    ({ dispatcher }) =>
      dispatcher.execute({ chain: { value: { case: "id", value: ID } }, createIfAbsent: true }),
    ...INVALID,
  ],
  ["256 bytes of request id", execute({ requestId: long }), ...INVALID],
  ["104 line break in requested_by", execute({ requestedBy: "a\nlevel=fatal" }), ...INVALID],
  ["46 a claim for no time", execute({ claim: true, claimDuration: {} }), ...INVALID],
  ["46 a claim for ever", execute({ claim: true, claimDuration: { seconds: 1_000_000_000n } }), ...INVALID],
  ["25 page size -1", ({ dispatcher }) => dispatcher.listChains({ pageSize: -1 }), ...INVALID],
  ["25 page size 1001", ({ dispatcher }) => dispatcher.listChains({ pageSize: 1001 }), ...INVALID],
  [
    "25 a forged page token",
    ({ dispatcher }) => dispatcher.listChains({ pageToken: "Zm9yZ2Vk" }),
    Code.InvalidArgument,
    "INVALID_PAGE_TOKEN",
  ],
  [
    "101 SQL in a forged page token",
    ({ dispatcher }) =>
      dispatcher.listChains({
        pageToken: Buffer.from(JSON.stringify(["x", "'; drop table chain;--", ""])).toString("base64url"),
      }),
    Code.InvalidArgument,
    "INVALID_PAGE_TOKEN",
  ],
  [
    "state without chain type",
    ({ dispatcher }) => dispatcher.listChains({ filter: { state: "new" } }),
    ...INVALID,
  ],
  [
    "an update without a mask",
    ({ dispatcher }) => dispatcher.updateChain({ chain: ref, disabled: true }),
    ...INVALID,
  ],
  [
    "a reason above 4 KiB",
    ({ dispatcher }) => dispatcher.setChainState({ chain: ref, state: "done", reason: "x".repeat(4097) }),
    ...INVALID,
  ],
  ["26 no initial state", register({ states: [{ name: "start", transitions: ["pay"] }] }), ...BAD_DEFINITION],
  [
    "27 an unreachable state",
    register({ states: [...definition.states, { name: "island", transitions: ["pay"] }] }),
    ...BAD_DEFINITION,
  ],
  [
    "28 an unknown transition",
    register({ states: [{ name: "new", transitions: ["pay", "fly"] }] }),
    ...BAD_DEFINITION,
  ],
  ["29 a state twice", register({ states: [...definition.states, ...definition.states] }), ...BAD_DEFINITION],
  [
    "29 a transition twice",
    register({ transitions: [...definition.transitions, ...definition.transitions] }),
    ...BAD_DEFINITION,
  ],
  [
    "30 a loop that executes itself",
    register({
      transitions: [...definition.transitions, { name: "again", finalState: "new" }],
      states: [{ name: "new", transitions: ["again", "pay"] }],
      autoExecute: {},
    }),
    ...BAD_DEFINITION,
  ],
  [
    "32 ten thousand transitions",
    register({
      transitions: Array.from({ length: 10_000 }, (_, index) => ({ name: `t${index}`, finalState: "done" })),
    }),
    ...INVALID,
  ],
  [
    "65 transitions of a state",
    register({ states: [{ name: "new", transitions: Array.from({ length: 65 }, () => "pay") }] }),
    ...INVALID,
  ],
  [
    "257 states",
    register({ states: Array.from({ length: 257 }, (_, index) => ({ name: `s${index}` })) }),
    ...INVALID,
  ],
  [
    "exits of done",
    register({ states: [...definition.states, { name: "done", transitions: ["pay"] }] }),
    ...BAD_DEFINITION,
  ],
  ["46 timeout 0", validator({ timeout: { seconds: 0n } }), ...INVALID],
  ["46 timeout -1 s", validator({ timeout: { seconds: -1n } }), ...INVALID],
  ["46 timeout 1 ns", validator({ timeout: { nanos: 1 } }), ...INVALID],
  ["46 timeout 31 s", validator({ timeout: { seconds: 31n } }), ...INVALID],
  ["39 file:", validator({ endpoint: "file:///etc/passwd" }), ...INVALID],
  ["39 javascript:", validator({ endpoint: "javascript:alert(1)" }), ...INVALID],
  ["39 no host", validator({ endpoint: "grpc://:9" }), ...INVALID],
  ["39 a fragment", validator({ endpoint: "http://127.0.0.1:9/#x" }), ...INVALID],
  ["39 a query", validator({ endpoint: "http://127.0.0.1:9/?a=b" }), ...INVALID],
  [
    "41 the metadata service",
    validator({ endpoint: "http://169.254.169.254/latest" }),
    Code.PermissionDenied,
    "ENDPOINT_NOT_ALLOWED",
  ],
  [
    "41 the same in decimal",
    validator({ endpoint: "grpc://2852039166:80" }),
    Code.InvalidArgument,
    "INVALID_REQUEST",
  ],
  ["43 port 0", validator({ endpoint: "grpc://127.0.0.1:0" }), ...INVALID],
  [
    "45 a URL of 100,000 characters",
    validator({ endpoint: `http://127.0.0.1/${"x".repeat(100_000)}` }),
    ...INVALID,
  ],
  ["45 an international name", validator({ endpoint: "http://bücher.example/" }), ...INVALID],
  ["45 CR LF in a URL", validator({ endpoint: "http://127.0.0.1:9/\r\nHost: x" }), ...INVALID],
];
