import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import type { Loaded } from "../config/load.ts";
import { SidestreamError } from "../errors.ts";
import type { IdentityCall, IdentityRows } from "../flow/identity-act.ts";
import type { AdoptCall, PurgeCall } from "../flow/orphan-acts.ts";
import type { Adopted } from "../flow/spool/adopt.ts";
import { createLog } from "../observe/log.ts";
import type { ControlParts } from "./control/control-parts.ts";
import { answerCommand } from "./control-commands.ts";

function program(answers: Adopted[] = []): {
  readonly parts: ControlParts;
  readonly told: Record<string, unknown>[];
  readonly calls: string[];
} {
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
  const adopt = ({ log: name, destination }: AdoptCall): Promise<Adopted> => {
    calls.push(`adopt ${name} ${destination}`);
    const answer = answers.shift();
    return answer === undefined ? Promise.reject(new SidestreamError("SST_COMMAND_INVALID", "no such log")) : Promise.resolve(answer);
  };
  const purge = ({ log: name }: PurgeCall): Promise<void> => {
    calls.push(`purge ${name}`);
    return name === "old" ? Promise.resolve() : Promise.reject(new SidestreamError("SST_COMMAND_INVALID", "no such log"));
  };
  const status = () => Promise.reject(new Error("not asked"));
  return { parts: { loaded, edge: { identity, status, adopt, purge, act: status }, log }, told, calls };
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

test("an adoption is told with the user as long as it moves something, and when it is done", async () => {
  const answers: Adopted[] = [
    { moved: 500, left: 20, state: "full", damaged: false },
    { moved: 0, left: 20, state: "full", damaged: false },
    { moved: 20, left: 0, state: "done", damaged: false },
  ];
  const { parts, told, calls } = program([...answers]);
  const payload = { log: "old", destination: "kafka1", user: "ada" };
  for (const answer of answers) deepEqual(await answerCommand(parts, "adopt", payload), answer);
  await rejects(answerCommand(parts, "adopt", payload), { code: "SST_COMMAND_INVALID" });
  equal(calls[0], "adopt old kafka1");
  deepEqual(
    told.map(({ msg }) => msg),
    [
      "ada has kafka1 adopt the orphaned log old: 500 messages moved, 20 left",
      "ada has kafka1 adopt the orphaned log old: 20 messages moved, 0 left",
    ],
  );
});

test("a purge is told with the user once it is done", async () => {
  const { parts, told, calls } = program();
  deepEqual(await answerCommand(parts, "purge", { log: "old", user: "ada" }), { purged: true });
  await rejects(answerCommand(parts, "purge", { log: "other", user: "ada" }), { code: "SST_COMMAND_INVALID" });
  for (const payload of [null, { log: "old" }, { log: 1, user: "ada" }, { log: "old", user: "ada", more: 1 }])
    await rejects(answerCommand(parts, "purge", payload), { code: "SST_COMMAND_INVALID", message: /^the command can't be read: / });
  deepEqual(calls, ["purge old", "purge other"]);
  deepEqual(
    told.map(({ msg }) => msg),
    ["ada purged the orphaned log old with its dead letters"],
  );
});
