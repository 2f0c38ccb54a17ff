import { execFile } from "node:child_process";
import {
  appendFile,
  mkdir,
  mkdtemp,
  open,
  rename,
  rm,
  symlink,
  truncate,
  unlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pauseOfAWriter } from "node:timers/promises";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { watchRegistryFile } from "../../src/registry-file/watch.ts";
import { mountConfigMap } from "../support/config-map.ts";

let directory: string;
const ends: (() => Promise<void>)[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "registry-file-"));
});

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  await rm(directory, { recursive: true });
});

/** What a watch has told so far. */
function watching(path: string, onText: (text: string) => Promise<void> = async () => undefined) {
  const stop = new AbortController();
  const texts: string[] = [];
  const errors: string[] = [];
  const ended = watchRegistryFile(path, {
    onText: async (text) => {
      texts.push(text.toString());
      await onText(text.toString());
    },
    onError: (error) => errors.push(String(error)),
    signal: stop.signal,
  });
  const end = async () => {
    stop.abort();
    await ended;
  };
  ends.push(end);
  return { texts, errors, end };
}

const soon = (condition: () => void) => vi.waitFor(condition, { timeout: 10_000, interval: 10 });

/** Its last line tells whether it is whole. */
function content(name: string, lines = 1): string {
  return `${`# ${name}\n`.repeat(lines)}# end of ${name}\n`;
}

describe("a file that is watched", { timeout: 30_000 }, () => {
  it("is delivered at the start and after a change in place", async () => {
    const path = join(directory, "file.yaml");
    await writeFile(path, "first");
    const { texts, errors } = watching(path);
    await soon(() => expect(texts).toEqual(["first"]));
    await writeFile(path, "second");
    await soon(() => expect(texts.at(-1)).toBe("second"));
    await appendFile(path, " and more");
    await soon(() => expect(texts).toEqual(["first", "second", "second and more"]));
    expect(errors).toEqual([]);
  });

  it("is not delivered again while its content is the same", async () => {
    const path = join(directory, "file.yaml");
    await writeFile(path, "first");
    const { texts } = watching(path);
    await soon(() => expect(texts).toEqual(["first"]));
    await writeFile(join(directory, "new"), "first");
    await rename(join(directory, "new"), path);
    await writeFile(join(directory, "neighbour"), "other");
    await writeFile(path, "second");
    await soon(() => expect(texts).toEqual(["first", "second"]));
  });

  it("may be replaced as an editor does it, by way of a backup", async () => {
    const path = join(directory, "file.yaml");
    await writeFile(path, "first");
    const { texts, errors } = watching(path);
    await soon(() => expect(texts).toEqual(["first"]));
    await rename(path, `${path}~`);
    await writeFile(path, "second");
    await unlink(`${path}~`);
    await soon(() => expect(texts).toEqual(["first", "second"]));
    expect(errors).toEqual([]);
  });

  it("is an error once while it is gone, and is delivered when it is back", async () => {
    const path = join(directory, "file.yaml");
    const { texts, errors } = watching(path);
    await soon(() => expect(errors).toEqual([expect.stringContaining("ENOENT")]));
    await writeFile(path, "first");
    await soon(() => expect(texts).toEqual(["first"]));
    await rename(path, `${path}~`);
    await soon(() => expect(errors).toHaveLength(2));
    // Every change around it makes the watch look again, without a word.
    for (const name of ["a", "b", "c"]) await writeFile(join(directory, name), name);
    await rename(`${path}~`, path);
    await soon(() => expect(texts).toEqual(["first", "first"]));
    expect(errors).toHaveLength(2);
  });

  it.each([
    ["a directory", (path: string) => mkdir(path), "is not a file"],
    ["a named pipe", (path: string) => promisify(execFile)("mkfifo", [path]), "is not a file"],
    ["a symlink to itself", (path: string) => symlink(path, path), "ELOOP"],
  ])("is an error if it is %s", async (_, make, message) => {
    const path = join(directory, "file.yaml");
    await make(path);
    const { texts, errors } = watching(path);
    await soon(() => expect(errors).toEqual([expect.stringContaining(message)]));
    expect(texts).toEqual([]);
  });

  it("is an error in a directory that comes later, until it is there", async () => {
    const path = join(directory, "later", "file.yaml");
    const { texts, errors } = watching(path);
    await soon(() => expect(errors).toHaveLength(1));
    await mkdir(join(directory, "later"));
    await writeFile(path, "first");
    await soon(() => expect(texts).toEqual(["first"]));
  });

  it("is read no further than shows that it is above the limit", async () => {
    const path = join(directory, "file.yaml");
    await writeFile(path, "");
    await truncate(path, 100 * 1024 * 1024);
    const { texts } = watching(path);
    await soon(() => expect(texts.map(({ length }) => length)).toEqual([1024 * 1024 + 1]));
  });

  it("is delivered again until it is taken, and the failure told once", async () => {
    const path = join(directory, "file.yaml");
    await writeFile(path, "first");
    let failures = 2;
    const { texts, errors } = watching(path, async () => {
      if (failures-- > 0) throw new Error("no database");
    });
    await soon(() => expect(texts).toEqual(["first", "first", "first"]));
    expect(errors).toEqual(["Error: no database"]);
  });

  it("is delivered one content at a time, and what passed meanwhile is left out", async () => {
    const path = join(directory, "file.yaml");
    await writeFile(path, "first");
    const taken = Promise.withResolvers<void>();
    const { texts } = watching(path, () => taken.promise);
    await soon(() => expect(texts).toEqual(["first"]));
    await writeFile(path, "second");
    await writeFile(path, "third");
    taken.resolve();
    await soon(() => expect(texts).toEqual(["first", "third"]));
  });

  it("is no longer watched once the signal is aborted, when the delivery under way is over", async () => {
    const path = join(directory, "file.yaml");
    await writeFile(path, "first");
    const taken = Promise.withResolvers<void>();
    const { texts, end } = watching(path, () => taken.promise);
    await soon(() => expect(texts).toEqual(["first"]));
    const ended = vi.fn();
    const ending = end().then(ended);
    await writeFile(path, "second");
    expect(ended).not.toHaveBeenCalled();
    taken.resolve();
    await ending;
    expect(texts).toEqual(["first"]);
  });

  it("is delivered whole though somebody writes it in place, slowly", async () => {
    const path = join(directory, "file.yaml");
    const { texts } = watching(path);
    for (const name of ["first", "second"]) {
      await using file = await open(path, "w");
      for (const line of content(name, 30).split(/(?<=\n)/)) {
        await file.write(line);
        await pauseOfAWriter(20);
      }
    }
    await soon(() => expect(texts.at(-1)).toBe(content("second", 30)));
    for (const text of texts) expect(text).toMatch(/# end of \w+\n$/);
  });
});

describe("a file of a ConfigMap", { timeout: 60_000 }, () => {
  it("is delivered after each swap of the kubelet", async () => {
    const mount = mountConfigMap(directory);
    await mount.write({ "file.yaml": "first", "other.yaml": "1" });
    const { texts, errors } = watching(mount.path("file.yaml"));
    await soon(() => expect(texts).toEqual(["first"]));
    await mount.write({ "file.yaml": "second", "other.yaml": "1" });
    await soon(() => expect(texts).toEqual(["first", "second"]));
    await mount.write({ "file.yaml": "second", "other.yaml": "2" });
    await mount.write({ "file.yaml": "third", "other.yaml": "2" });
    await soon(() => expect(texts).toEqual(["first", "second", "third"]));
    expect(errors).toEqual([]);
  });

  it("is followed where another directory has the symlink, by polling", async () => {
    const mounted = join(directory, "mounted");
    const linked = join(directory, "linked");
    await mkdir(mounted);
    await mkdir(linked);
    const mount = mountConfigMap(mounted);
    await mount.write({ "file.yaml": "first" });
    await symlink(mount.path("file.yaml"), join(linked, "config.yaml"));
    const { texts } = watching(join(linked, "config.yaml"));
    await soon(() => expect(texts).toEqual(["first"]));
    await mount.write({ "file.yaml": "second" });
    await soon(() => expect(texts).toEqual(["first", "second"]));
  });

  it("is delivered as it is in the end, however fast one swap follows the other", async () => {
    const mount = mountConfigMap(directory);
    await mount.write({ "file.yaml": content("0", 5000) });
    const { texts, errors } = watching(mount.path("file.yaml"));
    await soon(() => expect(texts).toHaveLength(1));
    for (let index = 1; index <= 50; index++) await mount.write({ "file.yaml": content(`${index}`, 5000) });
    await soon(() => expect(texts.at(-1)).toBe(content("50", 5000)));
    expect(errors).toEqual([]);
  });
});
