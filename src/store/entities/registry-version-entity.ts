import { defineEntity, p } from "@mikro-orm/core";

/** The one row that every registration raises, so that replicas need not read the registry to learn of a change (R28). */
const RegistryVersionSchema = defineEntity({
  name: "RegistryVersionEntity",
  tableName: "registry_version",
  properties: { onlyRow: p.boolean().primary(), version: p.bigint("number") },
});
export class RegistryVersionEntity extends RegistryVersionSchema.class {}
RegistryVersionSchema.setClass(RegistryVersionEntity);
