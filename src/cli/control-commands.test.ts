import { deepEqual, rejects } from "node:assert/strict";
import { test } from "node:test";
import type { Loaded } from "../config/load.ts";
import { SidestreamError } from "../errors.ts";
import type { IdentityCall, IdentityRows } from "../flow/identity-act.ts";
import { createLog } from "../observe/log.ts";
import { answerCommand, type ControlParts } from "./control-commands.ts";

function program(): { readonly parts: ControlParts; readonly told: Record<string, unknown>[]; readonly calls: string[] } {
  let rows: IdentityRows = [["cluster", "old"]];
  const calls: string[] = [];
  const told: Record<string, unknown>[] = [];
  const identity = ({ destination, action }: IdentityCall): Promise<IdentityRows> => {
    if (destination !== "kafka1") return Promise.reject(new SidestreamError("SST_COMMAND_INVALID", "no destination is named so"));
    calls.push(action);
    if (action === "accept") rows = [["cluster", "new"]];
    return Promise.resolve(rows);
  };
  const log = createLog({ level: "info", name: "test", write: (line) => told.push(JSON.parse(line) as Record<string, unknown>) });
  // The commands that these tests give read neither configuration nor status.
  const loaded = {} as Loaded;
  return { parts: { loaded, edge: { identity, status: () => Promise.reject(new Error("not asked")) }, log }, told, calls };
}

test("a decision over an identity is carried out, and told with the user, before and after", async () => {
  const { parts, told, calls } = program();
  const payload = { destination: "kafka1", action: "accept", user: "ada" };
  deepEqual(await answerCommand(parts, "identity", payload), { before: [["cluster", "old"]], after: [["cluster", "new"]] });
  deepEqual(calls, ["show", "accept"]);
  deepEqual(
    told.map(({ level, msg, user, action, before, after }) => ({ level, msg, user, action, before, after })),
    [
      {
        level: "warn",
        msg: "the identity of kafka1: ada decided to accept",
        user: "ada",
        action: "accept",
        before: { cluster: "old" },
        after: { cluster: "new" },
      },
    ],
  );
});

test("looking at an identity is not told", async () => {
  const { parts, told } = program();
  const payload = { destination: "kafka1", action: "show", user: "ada" };
  deepEqual(await answerCommand(parts, "identity", payload), { before: [["cluster", "old"]], after: [["cluster", "old"]] });
  deepEqual(told, []);
});

test("what the flow refuses is not told as decided", async () => {
  const { parts, told } = program();
  await rejects(answerCommand(parts, "identity", { destination: "x", action: "reset", user: "ada" }), { code: "SST_COMMAND_INVALID" });
  deepEqual(told, []);
});

test("a command that isn't known, or can't be read, is refused", async () => {
  const { parts, calls } = program();
  const payloads = [null, {}, { destination: "kafka1", action: "drop", user: "ada" }, { destination: 1, action: "show", user: "ada" }];
  for (const payload of payloads) await rejects(answerCommand(parts, "identity", payload), { code: "SST_COMMAND_INVALID" });
  await rejects(answerCommand(parts, "reload", null), { code: "SST_COMMAND_INVALID", message: /knows no command "reload"/ });
  deepEqual(calls, []);
});
