import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const readme = readFileSync(join(root, "README.md"), "utf8");

it("the README's configuration table is what scripts/config-table.ts prints", () => {
  const table = execFileSync(process.execPath, [join(root, "scripts/config-table.ts")], { encoding: "utf8" });
  const shown = readme.split("<!-- settings -->\n").slice(1);
  expect(shown).toHaveLength(1);
  expect(shown[0]?.split("<!-- /settings -->")[0]).toBe(table);
});
