import { defineConfig } from "vitest/config";
import { SummaryReporter } from "./test/support/summary-reporter.ts";

const system = ["store", "rpc", "outbound", "e2e", "race", "workers", "crash", "model", "tools"];

export default defineConfig({
  test: {
    reporters: ["default", new SummaryReporter()],
    // One PostgreSQL serves all files; more workers than cores only make timing tests flaky.
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/{domain,config,architecture}/**/*.test.ts"],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "system",
          include: system.map((folder) => `test/${folder}/**/*.test.ts`),
          globalSetup: "test/support/global-setup.ts",
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // A condition is waited for, not a time: the limit only ends a test that would fail anyway.
          expect: { poll: { timeout: 20_000, interval: 20 } },
        },
      },
    ],
  },
});
