import { defineEntity, p } from "@mikro-orm/core";

const ChainResourceSchema = defineEntity({
  name: "ChainResourceEntity",
  tableName: "chain_resource",
  properties: {
    chain: () => p.manyToOne(ChainEntity).primary().joinColumn("chain_id"),
    resourceType: p.text().primary(),
    resourceId: p.text().primary(),
  },
});
export class ChainResourceEntity extends ChainResourceSchema.class {}
ChainResourceSchema.setClass(ChainResourceEntity);

const ChainSchema = defineEntity({
  name: "ChainEntity",
  tableName: "chain",
  properties: {
    id: p.uuid().primary(),
    chainType: p.text(),
    state: p.text(),
    version: p.bigint("number"),
    disabled: p.boolean(),
    nextUpdateTime: p.datetime().nullable(),
    claimExpiry: p.datetime().nullable(),
    createTime: p.datetime(),
    updateTime: p.datetime(),
    resources: () => p.oneToMany(ChainResourceEntity).mappedBy("chain"),
  },
});
export class ChainEntity extends ChainSchema.class {}
ChainSchema.setClass(ChainEntity);
