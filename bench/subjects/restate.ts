import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Load, LoadResult, Subject } from "../measure/subject.ts";
import { installRivals } from "../rivals/install-rivals.ts";
import { startChildServer } from "../stage/child-server.ts";
import { startRestateServer } from "./restate-server.ts";

/** The same step with a system for durable execution that keeps its own store. */
export const restate: Subject = {
  name: "restate",
  guarantees:
    "Durable (one node, its log synced), one call at a time for each chain, the validator's answer kept, a repetition gets the recorded answer for a day; the state is in Restate, and no history of verdicts stays.",
  async start({ validatorUrl }) {
    await installRivals();
    const server = await startRestateServer();
    const service = await startChildServer("rivals/restate-service.ts", validatorUrl);
    await server.register(service.port);
    const load = startIngressLoad(server.ingressPort);
    let answered = 0;
    return {
      processes: { subject: [server.pid, service.pid], load: [load.pid] },
      // An object begins with its first call.
      prepare: async () => {},
      async run(wanted) {
        const result = await load.run(wanted);
        answered += result.operations;
        return result;
      },
      async verify() {
        const [kept] = await server.query(`
          select
            count(case when key = 'version' and value_utf8 = '1' then 1 end) as versions,
            count(case when key = 'state' and value_utf8 = '"sent"' then 1 end) as states,
            count(*) as entries
          from state where service_name = 'chain'`);
        const { versions, states, entries } = kept ?? {};
        if (versions !== answered || states !== answered || entries !== 2 * answered)
          throw new Error(
            `restate: ${answered} answered, ${versions} first versions and ${states} states kept in ${entries} entries`,
          );
      },
      async stop() {
        await load.stop();
        await service.stop();
        await server.stop();
      },
    };
  },
};

function startIngressLoad(port: number) {
  const child = fork(join(import.meta.dirname, "restate-load-process.ts"), [`${port}`], {
    serialization: "advanced",
  });
  const ended = once(child, "exit");
  return {
    pid: child.pid ?? 0,
    async run(wanted: Load): Promise<LoadResult> {
      child.send(wanted);
      const lost = ended.then(() => Promise.reject(new Error("the load generator of Restate ended")));
      const [reply] = (await Promise.race([once(child, "message"), lost])) as [
        LoadResult | { error: string },
      ];
      if ("error" in reply) throw new Error(reply.error);
      return reply;
    },
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
