import { randomUUID } from "node:crypto";
import { deliveryIdOf } from "../../src/domain/delivery.ts";
import { type Effect, type EffectMessage, effectToBytes } from "../../src/outbound/effect.ts";

const chainId = randomUUID();

/** An effect like any other. */
export const effect: Effect = {
  deliveryId: deliveryIdOf(chainId, 4, "pay"),
  chain: {
    id: chainId,
    chainType: "order",
    state: "new",
    version: 3,
    resources: [
      { resourceType: "customer", resourceId: "Zoë" },
      { resourceType: "order", resourceId: "1" },
    ],
    disabled: false,
    createTime: new Date(),
    updateTime: new Date(),
  },
  transition: { name: "pay", finalState: "paid", context: { amount: 12.5, lines: [{ sku: "a" }, null] } },
  callbackContext: { locale: "nl", "": true },
  requestedBy: "test",
};

/** It, as it is sent. */
export const effectMessage: EffectMessage = { body: effectToBytes(effect), fencingToken: 9 };
