import { defineEntity, p } from "@mikro-orm/core";

const ChainTypeSchema = defineEntity({
  name: "ChainTypeEntity",
  tableName: "chain_type",
  properties: {
    name: p.text().primary(),
    currentRevision: p.integer(),
    /** To which a commit may move (R10): those of the current revision, and those that are migrated from. */
    states: p.array(),
    /** Each with the state that its chains are migrated to (R26). */
    mappedStates: p.json<[string, string][]>().default("[]"),
  },
});
export class ChainTypeEntity extends ChainTypeSchema.class {}
ChainTypeSchema.setClass(ChainTypeEntity);
