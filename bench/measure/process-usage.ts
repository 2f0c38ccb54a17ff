import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

export interface Usage {
  /** Since the processes began, those too that have ended. */
  readonly cpuMicros: number;
  /**
   * Resident, what processes share counted once: the files of the given processes (their program and libraries), the largest
   * part of shared memory that one of them has touched (PostgreSQL's buffers), and of all of them what is their own.
   */
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
  return { cpuMicros: ticks * MICROS_PER_TICK, memoryMb: residentKb(tree, roots) / 1024 };
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

function residentKb(tree: readonly ProcessStat[], roots: readonly number[]): number {
  let own = 0;
  let shared = 0;
  for (const { pid } of tree) {
    const status = read(`/proc/${pid}/status`) ?? "";
    const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
    own += kilobytes("RssAnon") + (roots.includes(pid) ? kilobytes("RssFile") : 0);
    shared = Math.max(shared, kilobytes("RssShmem"));
  }
  return own + shared;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

function descendants<Process extends Pick<ProcessStat, "pid" | "parent">>(
  roots: readonly number[],
  all: readonly Process[],
): Process[] {
  const found = all.filter(({ pid }) => roots.includes(pid));
  for (const { pid } of found)
    found.push(...all.filter((child) => child.parent === pid && !roots.includes(child.pid)));
  return found;
}

/** Where there is no /proc, as on macOS: the CPU of children that have ended is not told, and shared memory counts often. */
function usageFromPs(roots: readonly number[]): Usage {
  const ps = execFileSync("ps", ["-axo", "pid=,ppid=,rss=,time="], {
    encoding: "utf8",
    // A decimal comma is no number.
    env: { ...process.env, LC_ALL: "C" },
  });
  const lines = ps.trim().split("\n");
  const all = lines.map((line) => {
    const [pid, parent, rss, time = ""] = line.trim().split(/\s+/);
    const seconds = time.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
    return { pid: Number(pid), parent: Number(parent), seconds, kilobytes: Number(rss) };
  });
  const tree = descendants(roots, all);
  return {
    cpuMicros: tree.reduce((sum, { seconds }) => sum + seconds, 0) * 1e6,
    memoryMb: tree.reduce((sum, { kilobytes }) => sum + kilobytes, 0) / 1024,
  };
}
