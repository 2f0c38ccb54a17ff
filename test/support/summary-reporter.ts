import type { Reporter, SerializedError, TestModule } from "vitest/node";

/** Closes the run with one plain line that CI can count by: `tests: N passed, N failed, N skipped`. */
export class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 };

    for (const module of modules) {
      const failedBefore = count.failed;
      for (const test of module.children.allTests()) {
        count[test.result().state] += 1;
      }
      // A file that does not load, or whose hook throws, has no failed test of its own.
      if (module.state() === "failed" && count.failed === failedBefore) {
        count.failed += 1;
      }
    }

    const skipped = count.skipped + count.pending;
    process.stdout.write(`tests: ${count.passed} passed, ${count.failed} failed, ${skipped} skipped\n`);
  }
}
