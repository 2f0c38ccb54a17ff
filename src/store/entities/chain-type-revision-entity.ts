import { defineEntity, p } from "@mikro-orm/core";
import type { ChainType } from "../../domain/chain-type.ts";

const ChainTypeRevisionSchema = defineEntity({
  name: "ChainTypeRevisionEntity",
  tableName: "chain_type_revision",
  properties: {
    chainType: p.text().primary(),
    revision: p.integer().primary(),
    contentHash: p.text(),
    definition: p.json<ChainType>(),
    createTime: p.datetime().defaultRaw("clock_timestamp()"),
  },
});
export class ChainTypeRevisionEntity extends ChainTypeRevisionSchema.class {}
ChainTypeRevisionSchema.setClass(ChainTypeRevisionEntity);
