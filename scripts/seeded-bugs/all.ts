import { claimBugs } from "./bugs/claims.ts";
import { commitBugs } from "./bugs/commits.ts";
import { definitionBugs } from "./bugs/definitions.ts";
import { identityBugs } from "./bugs/identity.ts";
import { outboxBugs } from "./bugs/outbox.ts";
import { requestBugs } from "./bugs/requests.ts";
import { streamBugs } from "./bugs/stream.ts";
import { timeBugs } from "./bugs/time.ts";
import { verdictBugs } from "./bugs/verdicts.ts";
import type { SeededBug } from "./seeded-bug.ts";

/** Every bug that the tests are to catch, in the order in which they are tried. */
export const seededBugs: readonly SeededBug[] = [
  ...identityBugs,
  ...verdictBugs,
  ...commitBugs,
  ...requestBugs,
  ...claimBugs,
  ...outboxBugs,
  ...timeBugs,
  ...streamBugs,
  ...definitionBugs,
];
