import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { test } from "node:test";
import type { Loaded } from "../../config/load.ts";
import { createLog } from "../../observe/log.ts";
import { answerCommand } from "../control-commands.ts";
import type { ControlParts } from "./control-parts.ts";

function program(done: number) {
  const told: Record<string, unknown>[] = [];
  const calls: unknown[] = [];
  const refuse = () => Promise.reject(new Error("not asked"));
  const act = (name: string, call: unknown): Promise<unknown> => {
    calls.push([name, call]);
    return Promise.resolve({ done, skipped: 1, state: "done", span: { from: 9, to: 9 } });
  };
  const log = createLog({ level: "info", name: "test", write: (line) => told.push(JSON.parse(line) as Record<string, unknown>) });
  const parts: ControlParts = { loaded: {} as Loaded, edge: { status: refuse, identity: refuse, adopt: refuse, purge: refuse, act }, log };
  return { parts, told, calls };
}

const CALL = { destination: "kafka1", filter: { tenant: "diku" }, span: { from: 0, to: null } };

test("letters are redriven and purged by the engine, and each call that did something is told with the user", async () => {
  const { parts, told, calls } = program(3);
  const { done } = (await answerCommand(parts, "dead", { ...CALL, action: "redrive", user: "ada" })) as { readonly done: number };
  equal(done, 3);
  await answerCommand(parts, "dead", { ...CALL, action: "purge", user: "ada" });
  deepEqual(calls, [
    ["redriveLetters", CALL],
    ["purgeLetters", CALL],
  ]);
  match(String(told[0]?.["msg"]), /^ada redrove 3 dead letters of kafka1$/);
  match(String(told[1]?.["msg"]), /^ada purged 3 dead letters of kafka1$/);
  deepEqual(told[0]?.["filter"], { tenant: "diku" });
  const idle = program(0);
  await answerCommand(idle.parts, "dead", { ...CALL, action: "purge", user: "ada" });
  deepEqual(idle.told, []);
});

test("what can't be read is refused before the engine is asked", async () => {
  const { parts, calls } = program(1);
  for (const wrong of [
    { ...CALL, action: "eat" },
    { ...CALL, action: "purge", filter: { key: "x" } },
    { ...CALL, action: "purge", span: { from: -1, to: null } },
  ])
    await rejects(answerCommand(parts, "dead", { ...wrong, user: "ada" }), { code: "SST_COMMAND_INVALID" });
  deepEqual(calls, []);
});
