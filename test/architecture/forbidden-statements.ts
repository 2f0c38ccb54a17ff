import { type SourceFile, withoutComments } from "./source-file.ts";

/** What ties a statement to one PostgreSQL server, or does not work behind a pooler (docs/design.md, section 6). */
const forbidden: ReadonlyMap<string, RegExp> = new Map([
  ["an advisory lock", /pg_(?:try_)?advisory/i],
  ["LISTEN", /\b(?:un)?listen\s+["*\w]/i],
  ["NOTIFY", /\bnotify\s+["\w]|\bpg_notify\b/i],
  [
    "a transaction id",
    /\b(?:xid8?|xmin|xmax)\b|\btxid_|\bpg_(?:current_xact|xact_|current_snapshot|snapshot_|visible_in)/i,
  ],
  ["a trigger", /\btriggers?\b/i],
  ["a sequence", /\b(?:next|curr|set|last)val\b|\bsequence\b|\b(?:big|small)?serial\b|\bas\s+identity\b/i],
]);

/** Migrations run once, at the start, under a lock of their own. */
function isHot(path: string): boolean {
  return path.startsWith("src/store/") && path !== "src/store/migrate.ts" && !path.includes("/migrations/");
}

/** Every construct in the store's hot files that their statements must do without, in words. */
export function findForbiddenStatements(sources: readonly SourceFile[]): string[] {
  return sources
    .filter(({ path }) => isHot(path))
    .flatMap(({ path, text }) => {
      const code = withoutComments(text);
      return [...forbidden]
        .filter(([, pattern]) => pattern.test(code))
        .map(([construct]) => `${path} uses ${construct}`);
    });
}
