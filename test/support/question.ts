import { randomUUID } from "node:crypto";
import type { Question } from "../../src/outbound/question.ts";

/** A question like any other. */
export const question: Question = {
  chain: {
    id: randomUUID(),
    chainType: "order",
    state: "new",
    version: 0,
    resources: [{ resourceType: "order", resourceId: "1" }],
    disabled: false,
    createTime: new Date(),
    updateTime: new Date(),
  },
  transition: "pay",
  finalState: "paid",
  initialContext: {},
  dryRun: false,
  requestedBy: "test",
  attemptId: randomUUID(),
};
