import { defineEntity, p } from "@mikro-orm/core";
import type { CallbackMode } from "../../domain/chain-type.ts";

const place = {
  chainType: p.text().primary(),
  /** Empty: all transitions without a row of their own. */
  transition: p.text().primary(),
  url: p.text(),
  timeoutMs: p.integer().nullable(),
};

const ValidatorEndpointSchema = defineEntity({
  name: "ValidatorEndpointEntity",
  tableName: "validator_endpoint",
  properties: place,
});
export class ValidatorEndpointEntity extends ValidatorEndpointSchema.class {}
ValidatorEndpointSchema.setClass(ValidatorEndpointEntity);

const CallbackEndpointSchema = defineEntity({
  name: "CallbackEndpointEntity",
  tableName: "callback_endpoint",
  properties: { ...place, mode: p.text().$type<CallbackMode>() },
});
export class CallbackEndpointEntity extends CallbackEndpointSchema.class {}
CallbackEndpointSchema.setClass(CallbackEndpointEntity);
