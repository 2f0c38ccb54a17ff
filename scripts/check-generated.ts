import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Fails when gen/ is not what `npm run generate` makes of the protos now. Run by `npm run check`. */
const fresh = mkdtempSync(join(tmpdir(), "dispatcher-gen-"));
try {
  execFileSync("buf", ["generate", "--output", fresh], { stdio: "inherit" });
  const differing = findDifferences("gen", join(fresh, "gen"));
  for (const file of differing) {
    console.error(`gen/${file} is not what the protos generate`);
  }
  if (differing.length > 0) {
    console.error("Run `npm run generate` and commit the result.");
    process.exitCode = 1;
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}

function findDifferences(left: string, right: string): string[] {
  const files = new Set([...listFiles(left), ...listFiles(right)]);
  return [...files].filter((file) => readText(join(left, file)) !== readText(join(right, file))).sort();
}

function listFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

function readText(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}
