import type { Figure, Scalar } from "../measure/sample.ts";

/** Everything that one run of the bench found. */
export interface Report {
  /** RFC 3339. */
  readonly time: string;
  readonly machine: {
    readonly cpus: number;
    readonly cpuModel: string;
    readonly memoryGb: number;
    readonly node: string;
    readonly postgres: string;
  };
  /** True for `--quick`: shorter rounds, and figures that take long are left out. */
  readonly quick: boolean;
  readonly figures: readonly Figure[];
  readonly scalars: readonly Scalar[];
  /** By the names of `targets`; those of figures that were not run are absent. */
  readonly ratios: Readonly<Record<string, number>>;
}

/** What a ratio or scalar is to reach. */
export interface Target {
  readonly atLeast?: number;
  readonly atMost?: number;
}

export const targets: Readonly<Record<string, Target>> = {
  execute_vs_relay_c64: { atLeast: 0.75 },
  execute_vs_pgbench_best: { atLeast: 1 },
  execute_vs_restate_c64: { atLeast: 8 },
  execute_vs_dbos_c64: { atLeast: 15 },
  get_or_create_hit_vs_echo_c64: { atLeast: 0.5 },
  execute_p50_c1_vs_floor: { atMost: 1.4 },
  execute_5m_vs_10k_chains: { atLeast: 0.85 },
  fairness_p99: { atMost: 1.2 },
  memory_after_million_mb: { atMost: 160 },
  ready_ms: { atMost: 900 },
};
