import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { test } from "node:test";
import type { Loaded } from "../../config/load.ts";
import { createLog } from "../../observe/log.ts";
import { answerCommand } from "../control-commands.ts";
import type { ControlParts } from "./control-parts.ts";

function program(appended: number) {
  const told: Record<string, unknown>[] = [];
  const calls: unknown[] = [];
  const refuse = () => Promise.reject(new Error("not asked"));
  const act = (name: string, call: unknown): Promise<unknown> => {
    calls.push([name, call]);
    return Promise.resolve({ appended, rows: [], state: "more", span: { next: 9, end: 20 } });
  };
  const log = createLog({ level: "info", name: "test", write: (line) => told.push(JSON.parse(line) as Record<string, unknown>) });
  const parts: ControlParts = { loaded: {} as Loaded, edge: { status: refuse, identity: refuse, adopt: refuse, purge: refuse, act }, log };
  return { parts, told, calls };
}

const FILTER = { fromMs: 5, toMs: null, stream: null, tenant: "diku", rule: null, eventId: null };
const COUNT = { destination: "kafka1", filter: FILTER, span: { next: 1, end: null } };
const SEND = { ...COUNT, into: "kafka2", topic: "again", id: "replay-1", rate: 100 };

test("messages are counted and replayed by the engine, and each call that appended some is told with the user and where it was", async () => {
  const { parts, told, calls } = program(3);
  await answerCommand(parts, "replay", { ...COUNT, action: "count" });
  await answerCommand(parts, "replay", { ...SEND, action: "send", user: "ada" });
  deepEqual(calls, [
    ["countReplay", COUNT],
    ["replay", SEND],
  ]);
  equal(told.length, 1);
  match(String(told[0]?.["msg"]), /^ada replays messages of kafka1 into kafka2:again \(replay-1\): 3 messages appended$/);
  equal(told[0]?.["after"], 8);
  const idle = program(0);
  await answerCommand(idle.parts, "replay", { ...SEND, action: "send", user: "ada" });
  deepEqual(idle.told, []);
});

test("a replay that can't be read is refused before the engine is asked", async () => {
  const { parts, calls } = program(1);
  for (const wrong of [
    { ...COUNT, action: "eat" },
    { ...COUNT, action: "send", user: "ada" },
    { ...SEND, action: "send", user: "ada", rate: 0 },
    { ...SEND, action: "send", user: "ada", filter: { ...FILTER, key: "x" } },
    { ...COUNT, action: "count", span: { next: -1, end: null } },
  ])
    await rejects(answerCommand(parts, "replay", wrong), { code: "SST_COMMAND_INVALID" });
  deepEqual(calls, []);
});
