import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { configFolder } from "../../config/testing/config-folder.ts";
import { registerFakeDrivers } from "../../config/testing/fake-drivers.ts";
import { alwaysOrNever } from "../../flow/match/always-never.ts";
import { parseCriteria } from "../../flow/match/parse.ts";
import { runExplain } from "../explain/run-explain.ts";
import { RecordedOutput } from "../testing/orphaned-log.ts";
import { runTests } from "./run-tests.ts";

before(() => registerFakeDrivers());

const PAGE = readFileSync(join(import.meta.dirname, "../../../docs/testing-rules.md"), "utf8");
const FILES = Object.fromEntries(
  [...PAGE.matchAll(/^```yaml (\S+)\n([\s\S]*?)^```$/gm)].map(([, name = "", content = ""]) => [name, content]),
);
const ANSWERS = new Map(
  [...PAGE.matchAll(/^```text\n\$ sidestream (.*)\n([\s\S]*?)^```$/gm)].map(([, command = "", answer = ""]) => [command, answer]),
);
const NO_INPUT: AsyncIterable<Uint8Array> = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }),
};

test("the page's tests end as it says", async (context) => {
  const folder = configFolder(context, FILES);
  const out = new RecordedOutput();
  const none = { config: null, env: null, junit: null, json: false, environment: {} };
  equal(await runTests({ ...none, paths: [folder] }, out), 1);
  const answer = ANSWERS.get("test .") ?? "";
  deepEqual((out.out + out.error).replaceAll(`${folder}/`, "").split("\n").toSorted(), answer.split("\n").toSorted());
});

test("the page's event is explained as it says", async (context) => {
  const folder = configFolder(context, FILES);
  const out = new RecordedOutput();
  const none = { config: null, env: null, id: null, destination: null, data: null, stream: null, rule: null, json: false, environment: {} };
  await runExplain({ ...none, files: [join(folder, "users-audit.yaml")], event: join(folder, "event.yaml") }, NO_INPUT, out);
  equal(out.out, ANSWERS.get("explain users-audit.yaml --event event.yaml"));
});

test("the rules that the page says can't be meant are told so", () => {
  const table = PAGE.slice(PAGE.indexOf("## Rules that can't be meant"));
  const rows = [...table.matchAll(/^\| `([^`]+)`( in a stream with `tenants: \[b\]`)? \| (always)?/gm)];
  ok(rows.length >= 6);
  for (const [, text = "", inStream, always] of rows) {
    const known = inStream === undefined ? {} : { TENANT: ["b"] };
    equal(alwaysOrNever(parseCriteria(text).criteria, known), always === undefined ? "never" : "always", text);
  }
});
