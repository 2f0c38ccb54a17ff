import { defineEntity, p } from "@mikro-orm/core";

const ChainTypeSchema = defineEntity({
  name: "ChainTypeEntity",
  tableName: "chain_type",
  properties: {
    name: p.text().primary(),
    currentRevision: p.integer(),
    states: p.array(),
  },
});
export class ChainTypeEntity extends ChainTypeSchema.class {}
ChainTypeSchema.setClass(ChainTypeEntity);
