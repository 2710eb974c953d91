import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { PlainConnection } from "../../driver/destination.ts";
import { fileOptions, openFolder } from "./file.ts";
import { FaultyOperations } from "./testing/faulty-operations.ts";
import { codes, linesOf, messageFiles, never, outgoing, temporaryFolder } from "./testing/folder.ts";

interface Bench {
  readonly folder: string;
  readonly operations: FaultyOperations;
  readonly connection: PlainConnection;
}

async function bench(context: TestContext, options: object = {}, openFilesMax?: number): Promise<Bench> {
  const folder = temporaryFolder(context);
  const operations = new FaultyOperations();
  const connection = await openFolder(
    fileOptions.parse({ path: folder, ...options }),
    { name: "file1", signal: never },
    operations,
    openFilesMax,
  );
  context.after(async () => {
    await connection[Symbol.asyncDispose]();
    assert.equal(operations.openCount, 0, "every file is closed");
  });
  operations.calls.length = 0;
  return { folder, operations, connection };
}

test("a message is acknowledged after its file and the folder of a new file are synced", async (context) => {
  const { operations, connection } = await bench(context);
  const disk = Promise.withResolvers<void>();
  operations.waits.set("datasync a.jsonl", disk.promise);
  let answered = false;
  const sending = connection.send([outgoing("a", "1")], never).then(() => (answered = true));
  while (!operations.calls.includes("datasync a.jsonl")) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(operations.calls, ["open a.jsonl", "create a.jsonl", "append a.jsonl", "datasync a.jsonl"]);
  assert.equal(answered, false);
  disk.resolve();
  await sending;
  assert.equal(operations.calls.at(-1), "syncFolder");
  operations.calls.length = 0;
  await connection.send([outgoing("a", "2")], never);
  assert.deepEqual(operations.calls, ["append a.jsonl", "datasync a.jsonl"]);
});

test("the messages of a batch for one topic are written together", async (context) => {
  const { operations, connection } = await bench(context);
  await connection.send(
    Array.from({ length: 100 }, (_, index) => outgoing(index % 2 === 0 ? "a" : "b", `${index}`)),
    never,
  );
  assert.equal(operations.calls.filter((call) => call.startsWith("append")).length, 2);
  assert.equal(operations.calls.filter((call) => call.startsWith("datasync")).length, 2);
});

for (const [what, code, bytes] of [
  ["a disk that is full", "ENOSPC", 7],
  ["a disk that fails", "EIO", 3],
  ["a quota that is used up", "EDQUOT", 0],
] as const) {
  test(`${what} fails the whole batch for later and leaves no torn line`, async (context) => {
    const { folder, operations, connection } = await bench(context);
    await connection.send([outgoing("a", '{"n":1}')], never);
    operations.fail("append b.jsonl", code, 1, bytes);
    const batch = [outgoing("a", '{"n":2}'), outgoing("b", '{"n":3}'), outgoing("../c", "4"), outgoing("a", '{"n":5}')];
    const outcomes = await connection.send(batch, never);
    assert.deepEqual(codes(outcomes), ["SST_DESTINATION_DISK", "SST_DESTINATION_DISK", "SST_DESTINATION_REFUSED", "SST_DESTINATION_DISK"]);
    assert.deepEqual(
      outcomes.map((outcome) => outcome?.retry),
      ["later", "later", "never", "later"],
    );
    assert.equal(readFileSync(join(folder, "a.jsonl"), "utf8"), '{"n":1}\n');
    assert.equal(readFileSync(join(folder, "b.jsonl"), "utf8"), "");
    assert.deepEqual(codes(await connection.send(batch, never)), [null, null, "SST_DESTINATION_REFUSED", null]);
    assert.deepEqual(linesOf(folder, "a"), ['{"n":1}', '{"n":2}', '{"n":5}']);
    assert.deepEqual(linesOf(folder, "b"), ['{"n":3}']);
  });
}

test("a sync that fails takes its lines back", async (context) => {
  const { folder, operations, connection } = await bench(context);
  await connection.send([outgoing("a", "1")], never);
  operations.fail("datasync a.jsonl", "EIO");
  assert.deepEqual(codes(await connection.send([outgoing("a", "2")], never)), ["SST_DESTINATION_DISK"]);
  assert.deepEqual(linesOf(folder, "a"), ["1"]);
  assert.deepEqual(await connection.send([outgoing("a", "2")], never), [null]);
  assert.deepEqual(linesOf(folder, "a"), ["1", "2"]);
});

test("lines that can't be taken back make the batch unsure", async (context) => {
  const { folder, operations, connection } = await bench(context);
  await connection.send([outgoing("a", "1")], never);
  operations.fail("append a.jsonl", "EIO", 1, 3);
  operations.fail("truncate a.jsonl", "EIO");
  assert.deepEqual(codes(await connection.send([outgoing("a", '{"n":2}')], never)), ["SST_DESTINATION_UNSURE"]);
  await connection[Symbol.asyncDispose]();
  assert.equal(readFileSync(join(folder, "a.jsonl"), "utf8"), '1\n{"n');
  const next = await openFolder(fileOptions.parse({ path: folder }), { name: "file1", signal: never });
  context.after(() => next[Symbol.asyncDispose]());
  await next.send([outgoing("a", '{"n":2}')], never);
  assert.deepEqual(linesOf(folder, "a"), ["1", '{"n":2}']);
});

test("a file that can't be opened, made or renamed fails the batch for later", async (context) => {
  const { folder, operations, connection } = await bench(context, { rotateBytes: 4096 });
  operations.fail("open a.jsonl", "EMFILE");
  assert.deepEqual(codes(await connection.send([outgoing("a", "1")], never)), ["SST_DESTINATION_DISK"]);
  operations.fail("create a.jsonl", "EACCES");
  assert.deepEqual(codes(await connection.send([outgoing("a", "1")], never)), ["SST_DESTINATION_DISK"]);
  operations.fail("syncFolder", "EIO");
  assert.deepEqual(codes(await connection.send([outgoing("a", "1")], never)), ["SST_DESTINATION_DISK"]);
  assert.deepEqual(await connection.send([outgoing("a", "1")], never), [null]);
  operations.fail("rename a.jsonl", "EIO");
  const large = outgoing("a", "x".repeat(5000));
  assert.deepEqual(codes(await connection.send([large], never)), ["SST_DESTINATION_DISK"]);
  assert.deepEqual(await connection.send([large], never), [null]);
  assert.deepEqual(linesOf(folder, "a"), ["1", "x".repeat(5000)]);
});

test("a folder sync that failed over a new file is made up for before anything is acknowledged", async (context) => {
  const { operations, connection } = await bench(context);
  operations.fail("syncFolder", "EIO");
  await connection.send([outgoing("a", "1")], never);
  operations.calls.length = 0;
  await connection.send([outgoing("a", "1")], never);
  assert(operations.calls.includes("syncFolder"));
});

test("no more files are open than the bound allows, however many topics a batch has", async (context) => {
  const { folder, operations, connection } = await bench(context, {}, 20);
  const batch = Array.from({ length: 300 }, (_, index) => outgoing(`topic${index}`, `${index}`));
  for (let round = 0; round < 3; round += 1) assert((await connection.send(batch, never)).every((outcome) => outcome === null));
  assert(operations.openCountMax <= 20 + 16, `${operations.openCountMax} files were open at a time`);
  assert.equal(operations.openCount, 20);
  assert.equal(messageFiles(folder).length, 300);
  for (let index = 0; index < 300; index += 1) assert.deepEqual(linesOf(folder, `topic${index}`), [`${index}`, `${index}`, `${index}`]);
});

test("a fault in the last of many topics takes back the lines of all, also of files closed meanwhile", async (context) => {
  const { folder, operations, connection } = await bench(context, {}, 4);
  const batch = Array.from({ length: 40 }, (_, index) => outgoing(`topic${index}`, `${index}`));
  operations.fail("append topic39.jsonl", "ENOSPC", 1, 1);
  assert((await connection.send(batch, never)).every((outcome) => outcome?.code === "SST_DESTINATION_DISK"));
  for (let index = 0; index < 40; index += 1) assert.deepEqual(linesOf(folder, `topic${index}`), []);
  assert((await connection.send(batch, never)).every((outcome) => outcome === null));
  for (let index = 0; index < 40; index += 1) assert.deepEqual(linesOf(folder, `topic${index}`), [`${index}`]);
});

test("a connection whose write hangs keeps the folder locked until the write ends", async (context) => {
  const { folder, operations, connection } = await bench(context);
  const disk = Promise.withResolvers<void>();
  operations.waits.set("append a.jsonl", disk.promise);
  const sending = connection.send([outgoing("a", "1")], never);
  const disposing = connection[Symbol.asyncDispose]();
  const open = () => openFolder(fileOptions.parse({ path: folder }), { name: "file1", signal: never });
  await assert.rejects(open(), { code: "SST_DESTINATION_LOCKED" });
  disk.resolve();
  assert.deepEqual(await sending, [null]);
  await disposing;
  await (await open())[Symbol.asyncDispose]();
});
