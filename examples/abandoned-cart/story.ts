import type { ChainResult } from "../../gen/ts/dispatcher/v1/dispatcher_service_pb.ts";
import type { Attempt } from "../../gen/ts/dispatcher/v1/evaluation_pb.ts";
import { deliveredOf, lastAttemptOf, moveOf } from "./awaited.ts";
import type { Cast } from "./cast.ts";
import { killTheShop, killTheSidecar } from "./crash-scenes.ts";
import { ada, ben, cleo, customers, supportDesk } from "./customers.ts";
import { say, scene, tellExecuted, tellLastAttempt, tellMail, tellMove, tellOutcome } from "./narrator.ts";
import { abandonedCart } from "./shop/chain-type.ts";
import { until } from "./until.ts";

/** Nine days of three carts, told while they happen. */
export async function tellStory(cast: Cast): Promise<void> {
  const { shop, client } = cast;

  await scene(
    "In each state of a cart, what the shop wants asked, in this order: the first valid one is taken.",
  );
  await tellChainType(cast);

  await scene("Day 0. Ada, Ben and Cleo fill their carts. The shop executes each once, to make it known.");
  for (const { id, customer, name, email, amount } of customers) {
    const cart = { id, customer, name, email, amount };
    const { executed } = await shop.tell({ kind: "fill-cart", cart });
    if (executed) tellExecuted(cart, executed);
  }
  say("  There is no cron job: from here on the sidecar's scheduler asks again by itself.");

  await scene("Day 1. Ada books. Cleo changes her cart.");
  await shop.tell({ kind: "begin-day", day: 1 });
  await shop.tell({ kind: "book", cart: ada.id });
  await shop.tell({ kind: "change-cart", cart: cleo.id });
  tellMove(ada, await moveOf(client, ada, 1n));

  await race(cast);
  await explain(cast);
  await killTheShop(cast);

  await scene("Day 4. Ben books.");
  await shop.tell({ kind: "begin-day", day: 4 });
  await shop.tell({ kind: "book", cart: ben.id });
  tellMove(ben, await moveOf(client, ben, 2n));

  await scene(
    "Day 8. Cleo's cart is a week old, but the web handler that judges it is broken. That is not a no.",
  );
  await shop.tell({ kind: "break-web-handler" });
  await shop.tell({ kind: "begin-day", day: 8 });
  tellLastAttempt(
    cleo,
    await lastAttemptOf(client, cleo, ({ reason }) => reason === "VALIDATOR_UNAVAILABLE"),
  );

  await killTheSidecar(cast);
}

async function tellChainType({ client: { registry } }: Cast): Promise<void> {
  const { revision } = await registry.getChainType({ name: abandonedCart });
  for (const { name, transitions } of revision?.chainType?.states ?? []) {
    say(`  ${name.padEnd(21)}  ${transitions.join(", then ")}`);
  }
  const { validators } = await registry.listValidators({ chainType: abandonedCart });
  say("  Where the sidecar asks");
  for (const { transition, endpoint } of validators) say(`      ${transition.padEnd(16)}   ${endpoint?.url}`);
  const { callbacks } = await registry.listCallbacks({ chainType: abandonedCart });
  say("  Whom it tells once the cart has moved, until it is done");
  for (const { transition, callback } of callbacks)
    say(`      ${transition.padEnd(16)}   ${callback?.endpoint?.url}`);
}

/** The payment provider, about whom both have the shop ask, answers both at the same moment. */
async function race({ shop, client, mailServer }: Cast): Promise<void> {
  await scene("Day 2. The scheduler and the support desk execute Ben's cart at once. He must get one mail.");
  await shop.tell({ kind: "slow-payments", cart: ben.id });
  await shop.tell({ kind: "begin-day", day: 2 });
  const [{ executed }] = await Promise.all([
    shop.tell({ kind: "execute", cart: ben.id, requestedBy: supportDesk }),
    answerBoth(shop),
  ]);
  if (executed?.kind === "refused" && executed.refusal.reason !== "CONCURRENT_TRANSITION")
    throw new Error(`the support desk was refused for another reason: ${executed.refusal.reason}`);

  const moved = await moveOf(client, ben, 1n);
  tellMove(ben, moved);
  say(
    executed?.kind === "refused"
      ? "  The support desk had the same verdicts, and came second: CONCURRENT_TRANSITION."
      : "  The scheduler had the same verdicts, and came second: it moved nothing.",
  );
  await deliveredOf(client, moved);
  for (const mail of mailServer.received) tellMail(mail);
}

async function answerBoth(shop: Cast["shop"]): Promise<void> {
  await until("both have asked whether Ben has paid", async () => {
    const { waiting = 0 } = await shop.tell({ kind: "count-waiting", cart: ben.id });
    return waiting === 2 || undefined;
  });
  await shop.tell({ kind: "quick-payments", cart: ben.id });
}

async function explain({ client }: Cast): Promise<void> {
  await scene(`"Why did customer ${cleo.customer} get no mail?" The sidecar remembers its last attempt.`);
  const isOfToday = ({ evaluations }: Attempt) =>
    evaluations.some(({ errors }) => errors.some((error) => error.includes("1 day ago")));
  tellLastAttempt(cleo, await lastAttemptOf(client, cleo, isOfToday));

  await scene("What would happen now? A dry run asks about all carts in one call, and moves none.");
  const filter = { chainType: abandonedCart };
  const carts = client.dispatcher.executeChains({ filter, requestedBy: supportDesk, dryRun: true });
  const answers = (await Array.fromAsync(carts)).map(({ value }) => value);
  for (const { id, name } of customers) {
    const answer = answers.find((value) => value.case === "result" && isAbout(value.value, id));
    if (answer?.case === "result" && answer.value.response) tellOutcome({ id, name }, answer.value.response);
  }
  const summary = answers.at(-1);
  if (summary?.case !== "summary") throw new Error("the dry run has no summary");
  const { chains, transitioned, noValidTransition } = summary.value;
  say(`  ${chains} carts: ${transitioned} would move, ${noValidTransition} would stay, the rest is done`);
}

function isAbout({ response }: ChainResult, cart: string): boolean {
  const resources = response?.chain?.resources ?? [];
  return resources.some(({ resourceType, resourceId }) => resourceType === "cart" && resourceId === cart);
}
