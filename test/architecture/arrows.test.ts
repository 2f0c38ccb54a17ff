import { describe, expect, it } from "vitest";
import { findWrongArrows } from "./arrows.ts";
import { findForbiddenStatements } from "./forbidden-statements.ts";
import { findImportCycles } from "./import-cycles.ts";
import { importsOf, readSources, type SourceFile } from "./source-file.ts";

const MOST_LINES = 300;

const sources = readSources("src");
const file = (path: string, text: string): SourceFile => ({ path, text });
const importing = (path: string, imported: string) => file(path, `import { x } from "${imported}";\n`);

function findLongFiles(files: readonly SourceFile[]): string[] {
  return files.filter(({ text }) => text.split("\n").length > MOST_LINES + 1).map(({ path }) => path);
}

describe("src", () => {
  it("has been read, and its imports too", () => {
    expect(sources.map(({ path }) => path)).toContain("src/domain/decide.ts");
    const decide = sources.find(({ path }) => path === "src/domain/decide.ts") ?? file("", "");
    expect(importsOf(decide)).toContain("src/domain/verdict.ts");
    const unknown = sources.flatMap(importsOf).filter((path) => path.startsWith("src/"));
    const known = new Set(sources.map(({ path }) => path));
    expect(unknown.filter((path) => !known.has(path))).toEqual([]);
    expect(unknown.length).toBeGreaterThan(sources.length);
  });

  it("follows the arrows", () => {
    expect(findWrongArrows(sources)).toEqual([]);
  });

  it("has no import cycles", () => {
    expect(findImportCycles(sources)).toEqual([]);
  });

  it(`has no file above ${MOST_LINES} lines`, () => {
    expect(findLongFiles(sources)).toEqual([]);
  });

  it("keeps its hot statements free of what one server or one session has", () => {
    expect(findForbiddenStatements(sources)).toEqual([]);
  });
});

describe("a planted violation is found", () => {
  it.each([
    ["src/domain/x.ts", "../store/database.ts", "src/store/database.ts"],
    ["src/domain/x.ts", "node:fs", "node:fs"],
    ["src/domain/x.ts", "@bufbuild/protobuf", "@bufbuild/protobuf"],
    ["src/domain/x.ts", "../../gen/ts/dispatcher/v1/chain_pb.ts", "gen/ts/dispatcher/v1/chain_pb.ts"],
    ["src/store/x.ts", "../engine/execute.ts", "src/engine/execute.ts"],
    ["src/store/entities/x.ts", "../../config.ts", "src/config.ts"],
    ["src/outbound/x.ts", "../store/database.ts", "src/store/database.ts"],
    ["src/engine/x.ts", "../rpc/errors.ts", "src/rpc/errors.ts"],
    ["src/engine/x.ts", "../../gen/ts/dispatcher/v1/chain_pb.ts", "gen/ts/dispatcher/v1/chain_pb.ts"],
    ["src/rpc/convert/x.ts", "../../store/database.ts", "src/store/database.ts"],
    ["src/workers/x.ts", "../rpc/errors.ts", "src/rpc/errors.ts"],
    ["src/observability/x.ts", "../domain/chain.ts", "src/domain/chain.ts"],
    ["src/registry-file/x.ts", "../engine/registry.ts", "src/engine/registry.ts"],
    ["src/rpc/x.ts", "../../test/support/client.ts", "test/support/client.ts"],
  ])("%s must not import %s", (path, specifier, imported) => {
    expect(findWrongArrows([importing(path, specifier)])).toEqual([`${path} imports ${imported}`]);
  });

  it.each([
    ["a type", 'import type { Chain } from "../store/chain-row.ts";'],
    ["over several lines", 'import {\n  one,\n  type Two,\n} from "../store/chain-row.ts";'],
    ["the effects alone", 'import "../store/chain-row.ts";'],
    ["to hand on", 'export { one } from "../store/chain-row.ts";'],
    ["all of it", 'import * as rows from "../store/chain-row.ts";'],
    ["while running", 'const rows = await import("../store/chain-row.ts");'],
    ["inside a type", 'type Row = import("../store/chain-row.ts").Row;'],
    ["with single quotes", "import { one } from '../store/chain-row.ts';"],
    ["after another", 'import { a } from "./a.ts";\nimport { b } from "../store/chain-row.ts";'],
    [
      "after a string that looks like a comment",
      'const glob = "/*";\nimport("../store/chain-row.ts"); // */',
    ],
  ])("an import of %s", (_, text) => {
    expect(findWrongArrows([file("src/domain/x.ts", text)])).toHaveLength(1);
  });

  it("a folder that nobody has drawn arrows for", () => {
    const found = findWrongArrows([file("src/helpers/x.ts", "")]);
    expect(found).toEqual(["src/helpers/x.ts is in a folder that has no arrows yet"]);
  });

  it("a cycle, also one of three files, and none where two ways meet", () => {
    const ring = [
      importing("src/a/a.ts", "../b/b.ts"),
      importing("src/b/b.ts", "./c.ts"),
      importing("src/b/c.ts", "../a/a.ts"),
    ];
    expect(findImportCycles(ring)).toEqual(["src/a/a.ts -> src/b/b.ts -> src/b/c.ts -> src/a/a.ts"]);
    const diamond = [
      file("src/a.ts", 'import "./b.ts";\nimport "./c.ts";'),
      importing("src/b.ts", "./d.ts"),
      importing("src/c.ts", "./d.ts"),
      file("src/d.ts", ""),
    ];
    expect(findImportCycles(diamond)).toEqual([]);
  });

  it("a file of 301 lines, and none of 300", () => {
    const lines = (count: number) => file(`src/${count}.ts`, "x\n".repeat(count));
    expect(findLongFiles([lines(300), lines(301)])).toEqual(["src/301.ts"]);
  });

  it.each([
    ["an advisory lock", "select pg_advisory_xact_lock(1)"],
    ["an advisory lock", "SELECT pg_try_advisory_lock(1)"],
    ["LISTEN", "listen dispatcher"],
    ["LISTEN", 'LISTEN "dispatcher"'],
    ["LISTEN", "unlisten *"],
    ["NOTIFY", "notify dispatcher, 'x'"],
    ["NOTIFY", "select pg_notify('dispatcher', '')"],
    ["a transaction id", "select txid_current()"],
    ["a transaction id", "select pg_current_xact_id()"],
    ["a transaction id", "select pg_snapshot_xmin(s)"],
    ["a transaction id", "returning xmax = 0 as inserted"],
    ["a transaction id", "select x::text::xid8"],
    ["a trigger", "create trigger t before update on chain"],
    ["a sequence", "select nextval('chain_id_seq')"],
    ["a sequence", "create sequence chain_seq"],
    ["a sequence", "id bigserial primary key"],
    ["a sequence", "id bigint generated always as identity"],
  ])("%s: %s", (construct, statement) => {
    const hot = file("src/store/x.ts", `const sql = \`\n  ${statement}\`;\n`);
    expect(findForbiddenStatements([hot])).toEqual([`src/store/x.ts uses ${construct}`]);
    const others = ["src/store/migrate.ts", "src/store/migrations/x.ts", "src/engine/x.ts"];
    expect(findForbiddenStatements(others.map((path) => ({ ...hot, path })))).toEqual([]);
  });
});

it("words in comments and texts are no imports and no statements", () => {
  const text = [
    '// import { x } from "../store/x.ts"; a trigger',
    '/** Like LISTEN x, from "../store/x.ts". */',
    'const message = `cannot be reached from "here"`;',
    'const other = "serialization, made from `x`";',
    "server.listen(path);",
  ].join("\n");
  expect(importsOf(file("src/store/x.ts", text))).toEqual([]);
  expect(findForbiddenStatements([file("src/store/x.ts", text)])).toEqual([]);
});
