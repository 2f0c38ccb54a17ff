import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { canConnect } from "../../src/outbound/can-connect.ts";
import { isLocalUrl, LocalReach } from "../../src/outbound/local-reach.ts";
import { freeAddress } from "../support/free-address.ts";
import { type RawServer, startRawServer } from "../support/raw-server.ts";

let folder: string;
let server: RawServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dispatcher-reach-"));
  server = await startRawServer(() => undefined);
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

test.each([
  ["grpc://127.0.0.1:1", true],
  ["https://localhost:1", true],
  ["http://[::1]:1", true],
  ["unix:///run/app.sock", true],
  ["grpc://validators.example:1", false],
  ["http://10.0.0.1:1", false],
])("%s is local: %s", (url, expected) => {
  expect(isLocalUrl(url)).toBe(expected);
});

test("who answers is connected to once, and again when there is doubt", async () => {
  const reach = new LocalReach();
  const url = `grpc://127.0.0.1:${server.port}`;
  const before = server.connections();
  expect([...(await reach.answering([url]))]).toEqual([url]);
  await reach.answering([url, url]);
  expect(server.connections()).toBe(before + 1);
  reach.doubt(url);
  expect([...(await reach.answering([url]))]).toEqual([url]);
  expect(server.connections()).toBe(before + 2);
});

test("who does not listen is left alone for a while, and looked for at once after a registration", async () => {
  const reach = new LocalReach();
  const address = await freeAddress();
  const urls = [`http://${address}`, `unix://${join(folder, "absent.sock")}`];
  expect([...(await reach.answering(urls))]).toEqual([]);
  const late = createServer((socket) => socket.destroy());
  await new Promise<void>((ready) => late.listen(Number(address.split(":")[1]), "127.0.0.1", ready));
  expect([...(await reach.answering(urls))]).toEqual([]);
  reach.forget();
  expect([...(await reach.answering(urls))]).toEqual([urls[0]]);
  late.close();
});

test("who has gone is found out after a doubt", async () => {
  const reach = new LocalReach();
  const gone = await startRawServer(() => undefined);
  const url = `http://localhost:${gone.port}`;
  expect([...(await reach.answering([url]))]).toEqual([url]);
  await gone.close();
  expect([...(await reach.answering([url]))]).toEqual([url]);
  reach.doubt(url);
  expect([...(await reach.answering([url]))]).toEqual([]);
});

test("who comes back is found by itself", async () => {
  const reach = new LocalReach();
  const address = await freeAddress();
  const url = `http://${address}`;
  await reach.answering([url]);
  const back = createServer((socket) => socket.destroy());
  await new Promise<void>((ready) => back.listen(Number(address.split(":")[1]), "127.0.0.1", ready));
  await expect.poll(async () => [...(await reach.answering([url]))]).toEqual([url]);
  back.close();
});

test("a socket in the file system is connected to", async () => {
  const path = join(folder, "app.sock");
  const listening = createServer((socket) => socket.destroy());
  await new Promise<void>((ready) => listening.listen(path, ready));
  expect(await canConnect({ kind: "unix", path }, 1_000)).toBe(true);
  listening.close();
});
