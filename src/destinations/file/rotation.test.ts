import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { PlainConnection } from "../../driver/destination.ts";
import { fileOptions, openFolder } from "./file.ts";
import { diskOperations } from "./file-operations.ts";
import { linesOf, messageFiles, never, outgoing, temporaryFolder } from "./testing/folder.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

async function opened(context: TestContext, folder: string, options: object): Promise<PlainConnection> {
  const connection = await openFolder(fileOptions.parse({ path: folder, ...options }), { name: "file1", signal: never });
  context.after(() => connection[Symbol.asyncDispose]());
  return connection;
}

/** Rotations by the timer run on their own; a send waits for its turn behind them. */
async function turn(connection: PlainConnection): Promise<void> {
  await connection.send([], never);
}

test("a file that would grow beyond its size is renamed with the time, and the next one begun", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: Date.parse("2026-01-31T23:59:59.999Z") });
  const folder = temporaryFolder(context);
  const connection = await opened(context, folder, { rotateBytes: 4096, rotateSeconds: 0 });
  const line = (number: number): string => JSON.stringify({ number, padding: "x".repeat(1500) });
  for (let number = 1; number <= 5; number += 1) await connection.send([outgoing("a", line(number))], never);
  assert.deepEqual(messageFiles(folder), ["a.20260131T235959Z-1.jsonl", "a.20260131T235959Z-2.jsonl", "a.jsonl"]);
  assert.deepEqual(linesOf(folder, "a"), [1, 2, 3, 4, 5].map(line));
  for (const name of messageFiles(folder)) assert(statSync(join(folder, name)).size <= 4096);
});

test("a batch larger than the size has a file of its own", async (context) => {
  const folder = temporaryFolder(context);
  const connection = await opened(context, folder, { rotateBytes: 4096, rotateSeconds: 0 });
  await connection.send([outgoing("a", "x".repeat(10_000))], never);
  await connection.send([outgoing("a", "y".repeat(10_000))], never);
  assert.equal(messageFiles(folder).length, 2);
});

test("the size counts what an earlier connection wrote", async (context) => {
  const folder = temporaryFolder(context);
  for (const [number, files] of [
    [1, 1],
    [2, 1],
    [3, 2],
  ] as const) {
    const connection = await opened(context, folder, { rotateBytes: 4096 });
    await connection.send([outgoing("a", `${number}${"x".repeat(1500)}`)], never);
    await connection[Symbol.asyncDispose]();
    assert.equal(messageFiles(folder).length, files);
  }
});

test("a file that is old enough is renamed though nothing is sent to its topic, an empty one never", async (context) => {
  const folder = temporaryFolder(context);
  const before = await opened(context, folder, {});
  await before.send([outgoing("earlier", "1"), outgoing("a", "1")], never);
  await before[Symbol.asyncDispose]();
  const empty = await diskOperations.open(join(folder, "empty.jsonl"), true);
  await empty.close();

  context.mock.timers.enable({ apis: ["Date", "setInterval"], now: Date.now() });
  const connection = await opened(context, folder, {});
  context.mock.timers.tick(DAY_MS - 600_000);
  await turn(connection);
  assert.deepEqual(messageFiles(folder), ["a.jsonl", "earlier.jsonl", "empty.jsonl"]);
  context.mock.timers.tick(660_000);
  await turn(connection);
  assert.deepEqual(
    messageFiles(folder).map((name) => name.replace(/\.\d.*-/, ".TIME-")),
    ["a.TIME-1.jsonl", "earlier.TIME-1.jsonl", "empty.jsonl"],
  );
  await connection.send([outgoing("a", "2")], never);
  assert.deepEqual(linesOf(folder, "a"), ["1", "2"]);
  assert(messageFiles(folder).includes("a.jsonl"));
});

test("a file that is old enough is renamed before it is written again", async (context) => {
  const folder = temporaryFolder(context);
  context.mock.timers.enable({ apis: ["Date"], now: Date.now() });
  const connection = await opened(context, folder, { rotateSeconds: 60 });
  await connection.send([outgoing("a", "1")], never);
  context.mock.timers.setTime(Date.now() + 61_000);
  await connection.send([outgoing("a", "2")], never);
  assert.equal(messageFiles(folder).length, 2);
  assert.deepEqual(linesOf(folder, "a"), ["1", "2"]);
});

test("without bounds a file is never renamed", async (context) => {
  const folder = temporaryFolder(context);
  context.mock.timers.enable({ apis: ["Date", "setInterval"], now: Date.now() });
  const connection = await opened(context, folder, { rotateBytes: null, rotateSeconds: null });
  for (let number = 0; number < 3; number += 1) {
    await connection.send([outgoing("a", "x".repeat(100_000))], never);
    context.mock.timers.tick(10 * DAY_MS);
  }
  await turn(connection);
  assert.deepEqual(messageFiles(folder), ["a.jsonl"]);
});
