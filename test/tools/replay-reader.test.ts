import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LogCase } from "../../examples/replay/log-case.ts";
import { readXes } from "../../examples/replay/read-xes.ts";
import { ReplayError } from "../../examples/replay/replay-error.ts";
import { xesOf } from "../support/event-log.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dispatcher-replay-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function read(content: string | Buffer): Promise<LogCase[]> {
  const path = join(folder, "log.xes");
  await writeFile(path, content);
  return Array.fromAsync(readXes(path));
}

const twoCases = xesOf({ "case 1": ["register", "check"], "case 2": [] });
const theirCases = [
  { trace: 1, name: "case 1", activities: ["register", "check"] },
  { trace: 2, name: "case 2", activities: [] },
];
const event = (activity: string) => `<event><string key="concept:name" value="${activity}"/></event>`;
const utf16 = (text: string) => Buffer.from(`\uFEFF${text}`, "utf16le");

describe("readXes reads", () => {
  it.each<[string, string | Buffer, LogCase[]]>([
    ["a plain file", twoCases, theirCases],
    ["a gzip file, whatever its name", gzipSync(twoCases), theirCases],
    [
      "a gzip file of several members",
      Buffer.concat([gzipSync(twoCases.slice(0, 99)), gzipSync(twoCases.slice(99))]),
      theirCases,
    ],
    ["a file with a byte order mark", `\uFEFF${twoCases}`, theirCases],
    ["UTF-16, known by its byte order mark", utf16(twoCases.replace("UTF-8", "UTF-16")), theirCases],
    [
      "another declared encoding",
      Buffer.from(xesOf({ Größe: ["prüfen"] }).replace("UTF-8", "ISO-8859-1"), "latin1"),
      [{ trace: 1, name: "Größe", activities: ["prüfen"] }],
    ],
    [
      "elements with a namespace prefix",
      `<x:log xmlns:x="http://www.xes-standard.org/"><x:trace><x:event><x:string key="concept:name" value="a"/></x:event></x:trace></x:log>`,
      [{ trace: 1, name: undefined, activities: ["a"] }],
    ],
    [
      "entities and any Unicode, byte for byte",
      `<log><trace>${event("a &amp; b &#x1F600; e\u0301 é")}</trace></log>`,
      [{ trace: 1, name: undefined, activities: ["a & b \u{1F600} e\u0301 é"] }],
    ],
    [
      "a trace without a name, or with an empty one",
      `<log><trace/><trace><string key="concept:name" value=""/></trace></log>`,
      [
        { trace: 1, name: undefined, activities: [] },
        { trace: 2, name: undefined, activities: [] },
      ],
    ],
    [
      "a trace whose name comes last",
      `<log><trace>${event("a")}<string key="concept:name" value="late"/></trace></log>`,
      [{ trace: 1, name: "late", activities: ["a"] }],
    ],
    [
      "two traces of one name as two cases",
      `<log>${`<trace><string key="concept:name" value="twin"/></trace>`.repeat(2)}</log>`,
      [
        { trace: 1, name: "twin", activities: [] },
        { trace: 2, name: "twin", activities: [] },
      ],
    ],
    [
      "no nested attribute, global, list or event outside a trace",
      `<log><global scope="trace"><string key="concept:name" value="UNKNOWN"/></global><string key="concept:name" value="log"/>
       ${event("outside")}<trace><list key="l"><values><string key="concept:name" value="listed"/></values></list>
       <event><string key="concept:name" value="a"><string key="concept:name" value="nested"/></string></event></trace></log>`,
      [{ trace: 1, name: undefined, activities: ["a"] }],
    ],
    ["no activity of a log without traces", "<log/>", []],
  ])("%s", async (_, content, cases) => {
    expect(await read(content)).toEqual(cases);
  });
});

describe("readXes refuses", () => {
  it.each<[string, string | Buffer, RegExp]>([
    ["an empty file", "", /not well-formed XML: at 1:0: document must contain a root element/],
    [
      "a file that is not XML",
      "case,activity\n1,register\n",
      /not well-formed XML: at \d+:\d+: text data outside of root node/,
    ],
    ["another XML document", "<html><body/></html>", /not an XES log: its root element is <html>/],
    ["XML that ends too early", twoCases.slice(0, -8), /not well-formed XML: at \d+:\d+: unclosed tag: log/],
    ["tags that do not match", "<log>\n<trace></log>", /not well-formed XML: at 2:\d+: unexpected close tag/],
    [
      "an entity that is not XML's own",
      `<!DOCTYPE log [<!ENTITY a "aaaa">]><log><trace>${event("&a;")}</trace></log>`,
      /undefined entity/,
    ],
    ["a gzip file that was cut short", gzipSync(twoCases).subarray(0, 200), /was cut short/],
    [
      "a damaged gzip file",
      Buffer.concat([gzipSync(twoCases).subarray(0, 60), Buffer.alloc(200, 7)]),
      /gzip data is damaged/,
    ],
    ["bytes that are not UTF-8", Buffer.from(xesOf({ Größe: [] }), "latin1"), /not valid in its encoding/],
    ["an unknown encoding", twoCases.replace("UTF-8", "EBCDIC-9"), /encoding that is not known/],
    [
      "an event without an activity",
      "<log>\n<trace>\n<event/>\n</trace></log>",
      /event that ends at line 3 has no concept:name/,
    ],
    ["an event with an empty activity", `<log><trace>${event("")}</trace></log>`, /has no concept:name/],
    [
      "an activity above 255 bytes",
      `<log><trace>${event("ä".repeat(128))}</trace></log>`,
      /activity at line 1 has 256 bytes, and 255 are allowed/,
    ],
    [
      "an activity with a control character",
      `<log><trace>${event("a&#10;b")}</trace></log>`,
      /activity at line 1 has a control character.*"a\\nb"/,
    ],
    [
      "a case name above 255 bytes",
      xesOf({ ["n".repeat(256)]: [] }),
      /concept:name of the trace that ends at line \d+ has 256 bytes/,
    ],
    [
      "a case name with a control character",
      `<log><trace><string key="concept:name" value="a&#x7F;"/></trace></log>`,
      /control character/,
    ],
  ])("%s", async (_, content, message) => {
    const reading = read(content);
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toBeInstanceOf(ReplayError);
  });

  it("a file that is not there, and a folder", async () => {
    await expect(Array.fromAsync(readXes(join(folder, "missing.xes")))).rejects.toThrow(/no such file/);
    await expect(Array.fromAsync(readXes(folder))).rejects.toThrow(/a folder, not a file/);
  });
});

it("readXes accepts an activity and a case name of exactly 255 bytes", async () => {
  const name = `${"é".repeat(127)}e`;
  expect(await read(xesOf({ [name]: [name] }))).toEqual([{ trace: 1, name, activities: [name] }]);
});
