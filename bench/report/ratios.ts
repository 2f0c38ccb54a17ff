import type { Figure, Scalar } from "../measure/sample.ts";

/** The ratios that the targets are about, as far as what they need was measured. Rates and latencies are medians of one run. */
export function ratiosOf(figures: readonly Figure[], scalars: readonly Scalar[]): Record<string, number> {
  const measured = (figure: string, subject: string, concurrency?: number) =>
    figures
      .filter(({ name }) => name === figure)
      .flatMap(({ measurements }) => measurements)
      .filter((one) => one.subject === subject && one.concurrency === (concurrency ?? one.concurrency))
      .map(({ median }) => median);
  const rate = (figure: string, subject: string, concurrency?: number) => {
    const rates = measured(figure, subject, concurrency).map(({ perSecond }) => perSecond);
    return rates.length > 0 ? Math.max(...rates) : undefined;
  };
  const effect = (subject: string) => rate("effects", subject, 64);
  const p50 = (subject: string) => measured("execute", subject, 1)[0]?.p50Ms;
  const fairP99 = (subject: string) => measured("fairness", subject, 64)[0]?.p99Ms;
  const scalar = (name: string) => scalars.find((one) => one.name === name)?.value;

  const execute = rate("execute", "dispatcher", 64);
  const all: Readonly<Record<string, number | undefined>> = {
    execute_vs_relay_c64: ratio(execute, rate("execute", "relay", 64)),
    execute_direct_vs_relay_c64: ratio(
      rate("execute", "dispatcher direct", 64),
      rate("execute", "relay", 64),
    ),
    execute_vs_pgbench_best: ratio(rate("execute", "dispatcher"), rate("execute", "pgbench")),
    execute_vs_restate_c64: ratio(execute, rate("execute", "restate", 64)),
    execute_vs_dbos_c64: ratio(execute, rate("execute", "dbos", 64)),
    get_or_create_hit_vs_echo_c64: ratio(
      rate("get_or_create_hit", "dispatcher", 64),
      rate("get_or_create_hit", "echo", 64),
    ),
    execute_p50_c1_vs_floor: ratio(p50("dispatcher"), p50("floor")),
    execute_direct_p50_c1_vs_floor: ratio(p50("dispatcher direct"), p50("floor")),
    before_commit_vs_execute_c64: ratio(effect("before_commit"), effect("execute")),
    after_commit_vs_execute_c64: ratio(effect("after_commit"), effect("execute")),
    claim_vs_execute_c64: ratio(effect("claim"), effect("execute")),
    execute_5m_vs_10k_chains: ratio(
      rate("many_chains", "5 million chains", 64),
      rate("many_chains", "10 thousand chains", 64),
    ),
    fairness_p99: ratio(fairP99("dispatcher beside a slow validator"), fairP99("dispatcher")),
    memory_after_million_mb: scalar("memory_after_million_mb"),
    ready_ms: scalar("ready_ms"),
  };
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

function ratio(ours: number | undefined, theirs: number | undefined): number | undefined {
  return ours === undefined || theirs === undefined ? undefined : ours / theirs;
}
