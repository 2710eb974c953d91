import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { destinationContract } from "../../driver/contract/destination-contract.ts";
import type { PlainConnection } from "../../driver/destination.ts";
import { file, fileOptions, openFolder } from "./file.ts";
import { codes, linesOf, messageFiles, never, outgoing, temporaryFolder } from "./testing/folder.ts";

let contractFolder = "";
destinationContract(file, {
  async options() {
    contractFolder = temporaryFolder();
    return { path: join(contractFolder, "messages") };
  },
  async received() {
    const folder = join(contractFolder, "messages");
    const ofTopic = (topic: string) =>
      linesOf(folder, topic).map((line) => ({ topic, key: null, headers: null, value: Buffer.from(line) }));
    return [...ofTopic("contract-a"), ...ofTopic("contract-b")];
  },
  cleanup: async () => rmSync(contractFolder, { recursive: true, force: true }),
  refused: { value: Buffer.from('{\n"number": 1 }') },
  backlogCount: 100_000,
  // The folder is moved away, a file stands in its place.
  async stop() {
    renameSync(join(contractFolder, "messages"), join(contractFolder, "away"));
    writeFileSync(join(contractFolder, "messages"), "");
  },
  async start() {
    rmSync(join(contractFolder, "messages"));
    renameSync(join(contractFolder, "away"), join(contractFolder, "messages"));
  },
});

async function opened(
  context: TestContext,
  folder: string,
  options: object = {},
  notice?: (text: string) => void,
): Promise<PlainConnection> {
  const parsed = fileOptions.parse({ path: folder, ...options });
  const connection = await openFolder(parsed, { name: "file1", signal: never, ...(notice === undefined ? {} : { notice }) });
  context.after(() => connection[Symbol.asyncDispose]());
  return connection;
}

test("each topic has a file, readable by its owner only, one message a line", async (context) => {
  const folder = join(temporaryFolder(context), "deep", "messages");
  const connection = await opened(context, folder);
  const outcomes = await connection.send([outgoing("a", '{"n":1}'), outgoing("b", '{"n":2}'), outgoing("a", '{"n":3}')], never);
  assert.deepEqual(outcomes, [null, null, null]);
  assert.equal(readFileSync(join(folder, "a.jsonl"), "utf8"), '{"n":1}\n{"n":3}\n');
  assert.equal(readFileSync(join(folder, "b.jsonl"), "utf8"), '{"n":2}\n');
  assert.equal(statSync(join(folder, "a.jsonl")).mode & 0o777, 0o600);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
});

test("a CloudEvent in binary form is written as one JSON text, so that nothing of it is lost", async (context) => {
  const folder = temporaryFolder(context);
  const connection = await opened(context, folder);
  const headers = [
    ["ce_specversion", "1.0"],
    ["ce_id", "1"],
    ["content-type", "application/json"],
  ] as const;
  assert.deepEqual(await connection.send([{ ...outgoing("a", '{"n":1}'), headers }], never), [null]);
  assert.deepEqual(linesOf(folder, "a"), ['{"specversion":"1.0","id":"1","datacontenttype":"application/json","data":{"n":1}}']);
});

for (const topic of [
  "../a",
  "a/b",
  "/etc/passwd",
  "..",
  ".",
  "",
  ".hidden",
  "a\0b",
  "a\\b",
  "ä",
  "a".repeat(201),
  "a.20260131T235959Z-1",
  "a\n",
]) {
  test(`the topic ${JSON.stringify(topic).slice(0, 40)} is refused`, async (context) => {
    const parent = temporaryFolder(context);
    const connection = await opened(context, join(parent, "messages"));
    assert.deepEqual(codes(await connection.send([outgoing("good", "1"), outgoing(topic, "2")], never)), [null, "SST_DESTINATION_REFUSED"]);
    assert.deepEqual(messageFiles(join(parent, "messages")), ["good.jsonl"]);
    assert.deepEqual(messageFiles(parent), []);
  });
}

test("a message with a line break in it, or without a byte, is refused", async (context) => {
  const connection = await opened(context, temporaryFolder(context));
  const outcomes = await connection.send([outgoing("a", '{\n"n": 1}'), outgoing("a", ""), outgoing("a", "1\n")], never);
  assert.deepEqual(codes(outcomes), ["SST_DESTINATION_REFUSED", "SST_DESTINATION_REFUSED", "SST_DESTINATION_REFUSED"]);
});

test("a link or a folder in place of a topic's file is not followed", async (context) => {
  const folder = temporaryFolder(context);
  const connection = await opened(context, folder);
  const elsewhere = join(temporaryFolder(context), "elsewhere");
  writeFileSync(elsewhere, "");
  symlinkSync(elsewhere, join(folder, "a.jsonl"));
  mkdirSync(join(folder, "b.jsonl"));
  assert.deepEqual(codes(await connection.send([outgoing("a", "1")], never)), ["SST_DESTINATION_DISK"]);
  assert.deepEqual(codes(await connection.send([outgoing("b", "1")], never)), ["SST_DESTINATION_DISK"]);
  assert.equal(readFileSync(elsewhere, "utf8"), "");
});

test("a line that was never finished is cut at the opening, and told", async (context) => {
  const folder = temporaryFolder(context);
  const long = "x".repeat(200_000);
  writeFileSync(join(folder, "a.jsonl"), '{"n":1}\n{"n":2}\n{"n":');
  writeFileSync(join(folder, "b.jsonl"), "torn");
  writeFileSync(join(folder, "c.jsonl"), `${long}\n${long}`);
  writeFileSync(join(folder, "d.jsonl"), "whole\n");
  writeFileSync(join(folder, "foreign.txt"), "not ours");
  const notices: string[] = [];
  const connection = await opened(context, folder, {}, (text) => notices.push(text));
  assert.equal(readFileSync(join(folder, "a.jsonl"), "utf8"), '{"n":1}\n{"n":2}\n');
  assert.equal(readFileSync(join(folder, "b.jsonl"), "utf8"), "");
  assert.equal(readFileSync(join(folder, "c.jsonl"), "utf8"), `${long}\n`);
  assert.equal(readFileSync(join(folder, "d.jsonl"), "utf8"), "whole\n");
  assert.equal(readFileSync(join(folder, "foreign.txt"), "utf8"), "not ours");
  assert.equal(notices.length, 3);
  assert.match(notices.toSorted()[0] ?? "", /a\.jsonl: cut 5 bytes of a line/);
  await connection.send([outgoing("a", '{"n":3}')], never);
  assert.deepEqual(linesOf(folder, "a"), ['{"n":1}', '{"n":2}', '{"n":3}']);
});

test("a folder is written by one connection at a time", async (context) => {
  const folder = temporaryFolder(context);
  const first = await opened(context, folder);
  await assert.rejects(opened(context, folder), { code: "SST_DESTINATION_LOCKED" });
  await first.send([outgoing("a", "1")], never);
  await assert.rejects(opened(context, folder), { code: "SST_DESTINATION_LOCKED" });
  await first[Symbol.asyncDispose]();
  const second = await opened(context, folder);
  assert.deepEqual(await second.send([outgoing("a", "2")], never), [null]);
});

test("a path that can't be a folder fails the opening and leaves it unlocked", async (context) => {
  const folder = temporaryFolder(context);
  const path = join(folder, "messages");
  writeFileSync(path, "a file");
  await assert.rejects(opened(context, path), { code: "SST_DESTINATION_DISK" });
  rmSync(path);
  mkdirSync(path);
  mkdirSync(join(path, "a.jsonl"));
  await assert.rejects(opened(context, path), { code: "SST_DESTINATION_DISK" });
  rmdirSync(join(path, "a.jsonl"));
  await opened(context, path);
});

test("a check tells a folder that is gone, and leaves nothing behind", async (context) => {
  const folder = join(temporaryFolder(context), "messages");
  const connection = await opened(context, folder);
  await connection.check(never);
  assert.equal(existsSync(join(folder, ".sidestream-check")), false);
  rmSync(folder, { recursive: true });
  await assert.rejects(connection.check(never), { code: "SST_DESTINATION_UNREACHABLE" });
});

test("a file that another program moved away, removed or emptied is begun anew", async (context) => {
  const folder = temporaryFolder(context);
  const connection = await opened(context, folder);
  const path = join(folder, "a.jsonl");
  await connection.send([outgoing("a", "1")], never);
  renameSync(path, join(folder, "moved"));
  await connection.send([outgoing("a", "2")], never);
  assert.equal(readFileSync(path, "utf8"), "2\n");
  assert.equal(readFileSync(join(folder, "moved"), "utf8"), "1\n");
  rmSync(path);
  await connection.send([outgoing("a", "3")], never);
  writeFileSync(path, "");
  await connection.send([outgoing("a", "4")], never);
  assert.equal(readFileSync(path, "utf8"), "4\n");
  appendFileSync(path, "torn by another program");
  await connection.send([outgoing("a", "5")], never);
  assert.equal(readFileSync(path, "utf8"), "4\n5\n");
});

test("a send after its folder was removed asks for a new connection, which makes the folder again", async (context) => {
  const folder = join(temporaryFolder(context), "messages");
  const connection = await opened(context, folder);
  await connection.send([outgoing("a", "1")], never);
  rmSync(folder, { recursive: true });
  assert.deepEqual(codes(await connection.send([outgoing("a", "2")], never)), ["SST_DESTINATION_UNREACHABLE"]);
  await connection[Symbol.asyncDispose]();
  const next = await opened(context, folder);
  assert.deepEqual(await next.send([outgoing("a", "2")], never), [null]);
});

test("a folder that exists keeps its rights", async (context) => {
  const folder = temporaryFolder(context);
  chmodSync(folder, 0o750);
  await opened(context, folder);
  assert.equal(statSync(folder).mode & 0o777, 0o750);
});

test("options that make no sense are refused", () => {
  for (const options of [
    {},
    { path: "" },
    { path: "x", rotateBytes: 100 },
    { path: "x", rotateBytes: -1 },
    { path: "x", rotateSeconds: 0.5 },
    { path: "x", fsync: false },
  ]) {
    assert.equal(fileOptions.safeParse(options).success, false, JSON.stringify(options));
  }
  assert.deepEqual(fileOptions.parse({ path: "x" }), { path: "x", rotateBytes: 134_217_728, rotateSeconds: 86_400 });
  assert.equal(fileOptions.safeParse({ path: "x", rotateBytes: 0, rotateSeconds: null }).success, true);
});
