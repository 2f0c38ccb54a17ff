import { ChainEntity, ChainResourceEntity } from "./chain-entity.ts";
import { ChainTypeEntity } from "./chain-type-entity.ts";
import { ChainTypeRevisionEntity } from "./chain-type-revision-entity.ts";
import { CallbackEndpointEntity, ValidatorEndpointEntity } from "./endpoint-entity.ts";

/** What the ORM reads and writes; chains, attempts and events are written by the hot statements alone. */
export const entities = [
  ChainTypeEntity,
  ChainTypeRevisionEntity,
  ValidatorEndpointEntity,
  CallbackEndpointEntity,
  ChainEntity,
  ChainResourceEntity,
];
