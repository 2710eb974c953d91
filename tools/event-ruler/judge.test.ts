import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { processState } from "../kafka/process-state.ts";
import { waitUntil } from "../kafka/wait-until.ts";
import { judgeForTests } from "./for-tests.ts";

const GONE_MS_MAX = 30_000;

const ruler = await judgeForTests();
const { skip } = ruler;
after(async () => await ruler[Symbol.asyncDispose]());

test("a rule is told for an event when any of its patterns matches", { skip }, async () => {
  const answer = await ruler.judge.ask({
    rules: [
      ["both", { a: ["1"], b: [{ prefix: "x" }] }],
      ["either", { a: ["é"] }, { b: [{ exists: true }] }],
    ],
    events: ['{"a":"1","b":"xy"}', '{"a":["2","é"]}', '{"c":"1"}'],
  });
  deepEqual(answer, [["both", "either"], ["either"], []]);
});

test("what it can't read is an error, and it answers the next question", { skip }, async () => {
  await rejects(ruler.judge.ask({ rules: [["wrong", { a: [{ begins: "x" }] }]], events: [] }), /event-ruler can't answer: .*begins/u);
  await rejects(ruler.judge.ask({ rules: [], events: ["{"] }), /event-ruler can't answer/u);
  deepEqual(await ruler.judge.ask({ rules: [["r", { a: ["1"] }]], events: ['{"a":"1"}'] }), [["r"]]);
});

test("one that ended is told as such", { skip }, async () => {
  const other = await judgeForTests();
  await other[Symbol.asyncDispose]();
  equal(processState(other.judge.pid ?? 0).isAlive, false);
  await rejects(other.judge.ask({ rules: [], events: [] }), /event-ruler has ended/u);
});

test("it ends when the process that asks is killed", { skip }, async () => {
  const holder = spawn(process.execPath, [join(import.meta.dirname, "testing/judge-holder.ts")], { stdio: ["pipe", "pipe", "inherit"] });
  const [line] = (await once(createInterface({ input: holder.stdout }), "line")) as [string];
  match(line, /^\d+$/u);
  equal(processState(Number(line)).isAlive, true);
  holder.kill("SIGKILL");
  await waitUntil(() => !processState(Number(line)).isAlive, GONE_MS_MAX, "event-ruler to end");
});

test("without its commands, tests are skipped with the reason, or fail where CI=true", async (t) => {
  const before = { PATH: process.env["PATH"], CI: process.env["CI"] };
  t.after(() => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
  Object.assign(process.env, { PATH: "/nowhere", CI: "" });
  const none = await judgeForTests();
  match(String(none.skip), /^no event-ruler: this machine lacks java, javac/u);
  let thrown: unknown = null;
  try {
    void none.judge;
  } catch (problem) {
    thrown = problem;
  }
  match(String(thrown), /this machine lacks java/u);
  await none[Symbol.asyncDispose]();
  process.env["CI"] = "true";
  await rejects(judgeForTests(), /this machine lacks java/u);
});
