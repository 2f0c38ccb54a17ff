import { type ObjectContext, object, serve } from "@restatedev/restate-sdk";
import { createValidatorCall } from "../stage/validator-call.ts";

// A chain as a virtual object: one call at a time for each key, the validator's answer in the journal, the state in Restate.
const [, , validatorUrl = ""] = process.argv;
const ask = createValidatorCall(validatorUrl);

const chain = object({
  name: "chain",
  handlers: {
    execute: async (ctx: ObjectContext, { requestedBy }: { requestedBy: string }) => {
      const version = (await ctx.get<number>("version")) ?? 0;
      const context = await ctx.run("validate", async () => {
        const answer = await ask({ chainId: ctx.key, transition: "send", requestedBy });
        return answer.context ?? {};
      });
      ctx.set("state", "sent");
      ctx.set("version", version + 1);
      return { outcome: "TRANSITIONED", state: "sent", version: version + 1, context };
    },
  },
});

// Its log would be a line for each call.
const port = await serve({ services: [chain], port: 0, logger: () => undefined });
process.send?.({ port });
