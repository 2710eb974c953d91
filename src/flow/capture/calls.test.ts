import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { SidestreamError } from "../../errors.ts";
import { CALLS_MAX, Calls } from "./calls.ts";
import { errorFromText, errorToText, type ToEngine } from "./control.ts";

function silent(): void {}

test("an answer reaches the call that asked", async () => {
  const calls = new Calls();
  const posted: ToEngine[] = [];
  const first = calls.ask((message) => posted.push(message), "status", { a: 1 }, 1000);
  const second = calls.ask((message) => posted.push(message), "metrics", null, 1000);
  deepEqual(posted, [
    { kind: "call", id: 1, name: "status", payload: { a: 1 } },
    { kind: "call", id: 2, name: "metrics", payload: null },
  ]);
  calls.answered({ kind: "answer", id: 2, value: "second" });
  calls.answered({ kind: "answer", id: 1, value: "first" });
  calls.answered({ kind: "answer", id: 1, value: "again" });
  deepEqual(await Promise.all([first, second]), ["first", "second"]);
  equal(calls.pendingCount, 0);
});

test("a call without an answer ends at its deadline", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const calls = new Calls();
  const asked = calls.ask(silent, "status", null, 5000);
  context.mock.timers.tick(5000);
  await rejects(asked, { code: "SST_ENGINE_SILENT", message: /"status" within 5000 ms/ });
  equal(calls.pendingCount, 0);
});

test("more than a hundred waiting calls are refused at once", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const calls = new Calls();
  for (let index = 0; index < CALLS_MAX; index += 1) calls.ask(silent, "status", null, 5000).catch(silent);
  await rejects(calls.ask(silent, "status", null, 5000), { code: "SST_ENGINE_SILENT", message: /100 questions/ });
  context.mock.timers.tick(5000);
});

test("a payload that can't be cloned rejects its call and leaves nothing behind", async () => {
  const calls = new Calls();
  await rejects(
    calls.ask(
      (message) => structuredClone(message),
      "status",
      () => 1,
      1000,
    ),
    { name: "DataCloneError" },
  );
  equal(calls.pendingCount, 0);
});

test("when the engine dies, all calls are rejected", async () => {
  const calls = new Calls();
  const asked = calls.ask(silent, "status", null, 5000);
  calls.rejectAll(new SidestreamError("SST_ENGINE_LOST", "gone"));
  await rejects(asked, { code: "SST_ENGINE_LOST" });
});

test("an error keeps its code, text, stack and causes between threads", () => {
  const cause = new Error("database is locked");
  const error = new SidestreamError("SST_SPOOL_LOCKED", "another process holds it", { cause });
  const back = errorFromText(structuredClone(errorToText(error)));
  equal((back as SidestreamError).code, "SST_SPOOL_LOCKED");
  equal(back.message, error.message);
  equal(back.stack, error.stack);
  equal((back.cause as Error).message, cause.message);
});

test("a value thrown that is no error becomes one, and an endless chain of causes is cut", () => {
  equal(errorFromText(errorToText("just text")).message, "just text");
  const circular = new Error("circular");
  circular.cause = circular;
  let depth = 0;
  for (let error: unknown = errorFromText(errorToText(circular)); error instanceof Error; error = error.cause) depth += 1;
  equal(depth, 6);
});
