/** Reading a topic's files: what is no line, no file, or not there. */
import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { TopicPage } from "../../driver/destination.ts";
import { readTopicFiles } from "./topic-reading.ts";

const KIB = 1024;
const LINE_BYTES_MAX = 600 * KIB;

function folderOf(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-reading-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function read(folder: string, topic = "users") {
  const notices: string[] = [];
  const pages: TopicPage[] = [];
  const context = { signal: new AbortController().signal, notice: (text: string) => void notices.push(text) };
  for await (const page of readTopicFiles(folder, topic, context, LINE_BYTES_MAX)) pages.push(page);
  return { notices, pages, values: pages.flatMap(({ messages }) => messages.map(({ value }) => (value === null ? null : String(value)))) };
}

test("a line that is longer than any is left out and told, and those behind it are read", async (t) => {
  const folder = folderOf(t);
  writeFileSync(join(folder, "users.jsonl"), `one\n${"x".repeat(3 * LINE_BYTES_MAX)}\nthree\n`);
  const { values, notices } = await read(folder);
  deepEqual(values, ["one", null, "three"]);
  equal(notices.length, 1);
  match(notices[0] ?? "", /users\.jsonl has a line that is longer than any of Sidestream's/);
});

test("a line without its end is left out and told, however long", async (t) => {
  const folder = folderOf(t);
  for (const text of ["{", "x".repeat(3 * LINE_BYTES_MAX)]) {
    writeFileSync(join(folder, "users.jsonl"), `one\n${text}`);
    const { values, notices } = await read(folder);
    deepEqual(values, ["one"]);
    match(notices.join("\n"), /^.*users\.jsonl ends within a line, which is left out: it is being written/);
  }
});

test("of a topic without messages there is a page all the same: what was before may have been taken away", async (t) => {
  const folder = folderOf(t);
  writeFileSync(join(folder, "users.jsonl"), "");
  const { pages } = await read(folder);
  deepEqual(pages, [{ partition: 0, messages: [], isFromBegin: false, share: 1 }]);
});

test("a topic that isn't there is told with those that are, and a folder that isn't as such", async (t) => {
  const folder = folderOf(t);
  await rejects(read(folder), {
    code: "SST_TOPIC_MISSING",
    message: /has no file of topic users, nor of any other: nothing was delivered/,
  });
  for (const name of ["loans", "fees"]) writeFileSync(join(folder, `${name}.jsonl`), "");
  await rejects(read(folder), { code: "SST_TOPIC_MISSING", message: /has no file of topic users, but of fees, loans: nothing/ });
  await rejects(read(join(folder, "none")), { code: "SST_TOPIC_MISSING", message: /^there is no folder .*none$/ });
});

test("what is no file, or no folder, where one is expected is told by its path", async (t) => {
  const folder = folderOf(t);
  mkdirSync(join(folder, "users.jsonl"));
  await rejects(read(folder), {
    code: "SST_COMMAND_INVALID",
    message: /users\.jsonl is a folder, where a file of the topic was expected$/,
  });
  writeFileSync(join(folder, "loans.jsonl"), "");
  await rejects(read(join(folder, "loans.jsonl")), { code: "SST_COMMAND_INVALID", message: /loans\.jsonl is, or lies in, a file/ });
});
