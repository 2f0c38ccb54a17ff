import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { installOnce } from "./install-once.ts";
import { runProgram, whyNot } from "./run-program.ts";
import type { Toolchain } from "./toolchain.ts";

const ROOT = join(import.meta.dirname, "../..");
const SOURCES = join(import.meta.dirname, "go");
// An older Go must say so, instead of fetching a newer one.
const env = { GOTOOLCHAIN: "local" };

/** Go with the compiler plugins that its go.mod pins. */
export const go: Toolchain = {
  problem: () => whyNot("Go, as new as go.mod says", "go", ["list", "-m"], { cwd: SOURCES, env }),

  async build(folder) {
    const plugins = await installPlugins();
    const template = join(folder, "buf.gen.yaml");
    const plugin = (name: string) => ({
      local: join(plugins, name),
      out: join(folder, "gen"),
      opt: ["paths=source_relative"],
    });
    await writeFile(
      template,
      JSON.stringify({
        version: "v2",
        // The .proto files name no language's packages.
        managed: { enabled: true, override: [{ file_option: "go_package_prefix", value: "foreign/gen" }] },
        plugins: [plugin("protoc-gen-go"), plugin("protoc-gen-go-grpc")],
        inputs: [{ directory: ".", paths: ["proto/dispatcher", "third_party/buf"] }],
      }),
    );
    await runProgram(join(ROOT, "node_modules/.bin/buf"), ["generate", "--template", template], {
      cwd: ROOT,
    });
    await cp(SOURCES, folder, { recursive: true });
    await runProgram("go", ["build", "-o", "client", "."], { cwd: folder, env });
    return (...args) => runProgram(join(folder, "client"), args);
  },
};

async function installPlugins(): Promise<string> {
  const pins = await Promise.all(["go.mod", "go.sum"].map((name) => readFile(join(SOURCES, name), "utf8")));
  const version = await runProgram("go", ["version"], { cwd: SOURCES, env });
  return installOnce("go", [version, ...pins], async (folder) => {
    await runProgram("go", ["install", "tool"], { cwd: SOURCES, env: { ...env, GOBIN: folder } });
  });
}
