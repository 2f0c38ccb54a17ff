import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { lookAtFile } from "../../src/registry-file/look-at-file.ts";
import { mountConfigMap } from "../support/config-map.ts";

it("every look sees one whole content, in the midst of a hundred swaps", { timeout: 60_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), "registry-file-"));
  const mount = mountConfigMap(directory);
  const content = (index: number) => `# revision ${index}\n`.repeat(5000 + (index % 7) * 1000);
  const written: string[] = [];
  const seen: string[] = [];
  let looks = 0;

  const swap = async () => {
    written.push(content(written.length));
    await mount.write({ "file.yaml": written.at(-1) ?? "" });
  };
  const lookUntil = async (isOver: () => boolean) => {
    while (!isOver()) {
      const look = await lookAtFile(mount.path("file.yaml"));
      looks += 1;
      // The directory may be removed between two steps of finding the way; then the next look finds it.
      if (look.kind === "text") seen.push(look.text.toString());
    }
  };

  await swap();
  let isOver = false;
  const looking = lookUntil(() => isOver);
  while (written.length < 100 || new Set(seen).size < 20) await swap();
  isOver = true;
  await looking;
  await rm(directory, { recursive: true });

  const whole = new Set(written);
  expect(seen.filter((text) => !whole.has(text))).toEqual([]);
  expect(seen.length).toBeGreaterThan(looks / 2);
});
