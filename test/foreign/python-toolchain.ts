import { cp, glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { installOnce } from "./install-once.ts";
import { runProgram, whyNot } from "./run-program.ts";
import type { Toolchain } from "./toolchain.ts";

const ROOT = join(import.meta.dirname, "../..");
const SOURCES = join(import.meta.dirname, "python");

/** Python 3.10 or later with grpcio, whose compiler and libraries come into a virtual environment. */
export const python: Toolchain = {
  problem: () =>
    whyNot("Python 3.10 or later with venv", "python3", [
      "-c",
      "import ensurepip, sys, venv; assert sys.version_info >= (3, 10), sys.version",
    ]),

  async build(folder) {
    const interpreter = join(await installRequirements(), "bin/python");
    const protos = await Array.fromAsync(glob("dispatcher/**/*.proto", { cwd: join(ROOT, "proto") }));
    // google/rpc comes with the official package; a second copy would collide with it.
    await runProgram(
      interpreter,
      [
        ...["-m", "grpc_tools.protoc", "-Iproto", "-Ithird_party"],
        ...[`--python_out=${folder}`, `--grpc_python_out=${folder}`],
        ...[...protos, "buf/validate/validate.proto"],
      ],
      { cwd: ROOT },
    );
    await cp(SOURCES, folder, { recursive: true });
    return (...args) => runProgram(interpreter, [join(folder, "client.py"), ...args]);
  },
};

async function installRequirements(): Promise<string> {
  const requirements = join(SOURCES, "requirements.txt");
  const version = await runProgram("python3", ["-c", "import sys; print(sys.version, sys.base_prefix)"]);
  return installOnce("python", [version, await readFile(requirements, "utf8")], async (folder) => {
    await runProgram("python3", ["-m", "venv", folder]);
    const pip = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet"];
    await runProgram(join(folder, "bin/python"), [...pip, "--only-binary=:all:", "-r", requirements]);
  });
}
