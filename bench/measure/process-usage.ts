import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

export interface Usage {
  /** Since the processes began, those too that have ended. */
  readonly cpuMicros: number;
  /** Resident, without what processes share, so that a PostgreSQL of many backends is not counted many times. */
  readonly memoryMb: number;
}

/** What the processes under the given ones have used. */
export function usageOf(roots: readonly number[]): Usage {
  return hasProc ? usageFromProc(roots) : usageFromPs(roots);
}

const hasProc = process.platform === "linux";
/** USER_HZ is 100 on every Linux that Node runs on. */
const MICROS_PER_TICK = 10_000;

interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly cpuTicks: number;
}

function usageFromProc(roots: readonly number[]): Usage {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => statOf(Number(name)) ?? []);
  const tree = descendants(roots, all);
  const ticks = tree.reduce((sum, { cpuTicks }) => sum + cpuTicks, 0);
  const kilobytes = tree.reduce((sum, { pid }) => sum + residentKb(pid, roots.includes(pid)), 0);
  return { cpuMicros: ticks * MICROS_PER_TICK, memoryMb: kilobytes / 1024 };
}

/** Undefined if it has ended meanwhile. */
function statOf(pid: number): ProcessStat | undefined {
  const text = read(`/proc/${pid}/stat`);
  // The name before it may hold anything, brackets and spaces too.
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
  if (!fields) return undefined;
  const ticks = (...places: readonly number[]) =>
    places.reduce((sum, place) => sum + Number(fields[place]), 0);
  // State is the first; then utime, stime, and those of children that have ended.
  return { pid, parent: Number(fields[1]), cpuTicks: ticks(11, 12, 13, 14) };
}

function residentKb(pid: number, isRoot: boolean): number {
  const status = read(`/proc/${pid}/status`) ?? "";
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
  return isRoot ? kilobytes("VmRSS") : kilobytes("RssAnon");
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

function descendants(roots: readonly number[], all: readonly ProcessStat[]): ProcessStat[] {
  const found = all.filter(({ pid }) => roots.includes(pid));
  for (const { pid } of found) found.push(...all.filter(({ parent }) => parent === pid));
  return found;
}

/** Where there is no /proc, as on macOS: the CPU of children that have ended is not told. */
function usageFromPs(roots: readonly number[]): Usage {
  const lines = execFileSync("ps", ["-axo", "pid=,ppid=,rss=,time="], { encoding: "utf8" })
    .trim()
    .split("\n");
  const all = lines.map((line) => {
    const [pid, parent, rss, time = ""] = line.trim().split(/\s+/);
    const seconds = time.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
    return { pid: Number(pid), parent: Number(parent), cpuTicks: seconds * 100, rss: Number(rss) };
  });
  const tree = descendants(roots, all) as typeof all;
  return {
    cpuMicros: tree.reduce((sum, { cpuTicks }) => sum + cpuTicks, 0) * MICROS_PER_TICK,
    memoryMb: tree.reduce((sum, { rss }) => sum + rss, 0) / 1024,
  };
}
