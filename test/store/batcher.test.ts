import pg from "pg";
import { describe, expect, test } from "vitest";
import { Batcher, type Batching } from "../../src/store/batcher.ts";

/** A statement that ends when it is told to. */
interface Sent {
  readonly items: readonly string[];
  answer(): void;
  fail(error: Error): void;
}

function open(rules: Partial<Batching<string, string>> = {}) {
  const sent: Sent[] = [];
  const batcher = new Batcher<string, string>({
    run: (items) =>
      new Promise((resolve, reject) => {
        sent.push({
          items,
          answer: () => resolve(items.map((item) => `${item}!`)),
          fail: reject,
        });
      }),
    mostItems: 4,
    mostInFlight: 1,
    ...rules,
  });
  const statement = (index: number) => expect.poll(() => sent[index]).toBeDefined();
  return {
    batcher,
    sent,
    statement,
    submit: (...items: string[]) => items.map((item) => batcher.submit(item)),
  };
}

function databaseError(code: string): Error {
  return Object.assign(new pg.DatabaseError(code, 0, "error"), { code });
}

describe("what shares a statement", () => {
  test("one that comes alone is sent alone, at once", async () => {
    const { submit, sent, statement } = open();
    const [answer] = submit("a");
    await statement(0);
    expect(sent[0]?.items).toEqual(["a"]);
    sent[0]?.answer();
    expect(await answer).toBe("a!");
  });

  test("what comes while a statement is in flight goes with the next, each with its own answer", async () => {
    const { submit, sent, statement } = open();
    const [first] = submit("a");
    await statement(0);
    const others = submit("b", "c", "d", "e", "f");
    expect(sent).toHaveLength(1);
    sent[0]?.answer();
    expect(await first).toBe("a!");
    await statement(1);
    expect(sent[1]?.items).toEqual(["b", "c", "d", "e"]);
    sent[1]?.answer();
    await statement(2);
    expect(sent[2]?.items).toEqual(["f"]);
    sent[2]?.answer();
    expect(await Promise.all(others)).toEqual(["b!", "c!", "d!", "e!", "f!"]);
  });

  test("two of one key never do, and those behind them need not wait", async () => {
    const { submit, sent, statement } = open({ keyOf: (item) => item.slice(0, 1) });
    void submit("a1", "a2", "b1", "a3");
    await statement(0);
    expect(sent[0]?.items).toEqual(["a1", "b1"]);
    sent[0]?.answer();
    await statement(1);
    expect(sent[1]?.items).toEqual(["a2"]);
    sent[1]?.answer();
    await statement(2);
    expect(sent[2]?.items).toEqual(["a3"]);
  });

  test.each([
    [1024 * 1024 - 1, ["big", "x"]],
    [1024 * 1024, ["big"]],
    [2 * 1024 * 1024, ["big"]],
  ])("one of %i bytes beside one of a byte: at most a mebibyte goes together", async (size, together) => {
    const { submit, sent, statement } = open({ bytesOf: (item) => (item === "big" ? size : 1) });
    void submit("big", "x");
    await statement(0);
    expect(sent[0]?.items).toEqual(together);
  });

  test("as many statements at once as are allowed", async () => {
    const { submit, sent, statement } = open({ mostItems: 1, mostInFlight: 2 });
    void submit("a", "b", "c");
    await statement(1);
    expect(sent).toHaveLength(2);
    sent[1]?.answer();
    await statement(2);
    expect(sent[2]?.items).toEqual(["c"]);
  });
});

describe("what a failure does", () => {
  test.each(["22P05", "23505"])("%s: the batch is halved down to the one at fault", async (code) => {
    const runs: (readonly string[])[] = [];
    const batcher = new Batcher<string, string>({
      mostItems: 8,
      mostInFlight: 1,
      run: async (items) => {
        runs.push(items);
        if (items.includes("bad")) throw databaseError(code);
        return items;
      },
    });
    const results = await Promise.allSettled(["a", "b", "bad", "c"].map((item) => batcher.submit(item)));
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
    expect(runs).toEqual([["a", "b", "bad", "c"], ["a", "b"], ["bad", "c"], ["bad"], ["c"]]);
  });

  test.each(["40001", "40P01", "55P03", "57014"])("%s: the batch is run once more, whole", async (code) => {
    const { submit, sent, statement } = open();
    const answers = submit("a", "b");
    await statement(0);
    sent[0]?.fail(databaseError(code));
    await statement(1);
    expect(sent[1]?.items).toEqual(["a", "b"]);
    sent[1]?.answer();
    expect(await Promise.all(answers)).toEqual(["a!", "b!"]);
  });

  test.each([
    ["a contention that comes again", "40P01", 2],
    ["anything else, which is never tried again blindly", "57P01", 1],
  ])("%s is told to all, and the next batch goes on", async (_, code, tries) => {
    const { submit, sent, statement } = open();
    const answers = Promise.allSettled(submit("a", "b"));
    for (let index = 0; index < tries; index += 1) {
      await statement(index);
      sent[index]?.fail(databaseError(code));
    }
    expect(await answers).toMatchObject([
      { status: "rejected", reason: { code } },
      { status: "rejected", reason: { code } },
    ]);
    expect(sent).toHaveLength(tries);
    const [next] = submit("c");
    await statement(tries);
    sent[tries]?.answer();
    expect(await next).toBe("c!");
  });
});
