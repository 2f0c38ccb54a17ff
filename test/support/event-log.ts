import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";

/** A small XES document with these traces, each a list of activities. */
export function xesOf(traces: Readonly<Record<string, readonly string[]>>): string {
  const body = Object.entries(traces).map(([name, activities]) => traceOf(name, activities));
  return [HEAD, ...body, TAIL].join("");
}

export interface GeneratedLog {
  readonly cases: number;
  /** Events of each case: at least half of it, at most half more. */
  readonly eventsPerCase: number;
  readonly seed: number;
}

/** Writes a gzipped log of any size, the same for the same arguments, and answers its number of events. */
export async function writeGeneratedLog(
  path: string,
  { cases, eventsPerCase, seed }: GeneratedLog,
): Promise<number> {
  const random = randomOf(seed);
  let events = 0;
  function* text() {
    yield HEAD;
    for (let trace = 1; trace <= cases; trace++) {
      const length = Math.ceil(eventsPerCase * (0.5 + random()));
      events += length;
      // Walks mostly forward, so that some activities follow often and others rarely, as in a real log.
      let activity = 0;
      const activities = Array.from({ length }, () => {
        activity = (activity + Math.floor(random() ** 3 * ACTIVITIES)) % ACTIVITIES;
        return `A${String(activity).padStart(2, "0")} a generated activity`;
      });
      yield traceOf(`case-${trace}`, activities);
    }
    yield TAIL;
  }
  await pipeline(Readable.from(text()), createGzip(), createWriteStream(path));
  return events;
}

const ACTIVITIES = 24;

const HEAD = `<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1.0" xmlns="http://www.xes-standard.org/">
  <extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
  <global scope="event"><string key="concept:name" value="UNKNOWN"/></global>
  <classifier name="Activity" keys="concept:name"/>
`;
const TAIL = "</log>\n";

function traceOf(name: string, activities: readonly string[]): string {
  const events = activities.map(
    (activity, index) => `    <event>
      <string key="concept:name" value="${escaped(activity)}"/>
      <string key="org:resource" value="Resource${index}"><int key="load" value="${index}"/></string>
      <date key="time:timestamp" value="2011-10-11T13:45:40.276+02:00"/>
    </event>
`,
  );
  return `  <trace>\n    <string key="concept:name" value="${escaped(name)}"/>\n${events.join("")}  </trace>\n`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

/** The mulberry32 generator. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
