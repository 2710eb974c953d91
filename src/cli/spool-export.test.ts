import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { registerFakeDrivers } from "../config/testing/fake-drivers.ts";
import { lockDataFolder } from "../flow/spool/lock.ts";
import { runSpoolExport, type ExportOptions } from "./spool-export.ts";
import { openSpool, orphanSite, RecordedOutput } from "./testing/orphaned-log.ts";

before(() => registerFakeDrivers());

async function print(data: string, over: Partial<ExportOptions> = {}, out = new RecordedOutput()) {
  const status = await runSpoolExport({ log: "old", data, dead: false, pending: false, ...over }, out);
  const lines = out.out.split("\n").slice(0, -1);
  return { status, out, messages: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

test("every message is printed, those that are done, too; --pending leaves these out", async (t) => {
  const { data } = await orphanSite(t, 3);
  const { status, messages, out } = await print(data);
  equal(status, 0);
  deepEqual(
    messages.map(({ number, eventId, done, value }) => [number, eventId, done, value]),
    [
      [2, "event-m0", true, Buffer.alloc(10, "v").toString("base64")],
      [3, "event-m1", false, Buffer.alloc(10, "v").toString("base64")],
      [4, "event-m2", false, Buffer.alloc(10, "v").toString("base64")],
    ],
  );
  equal(out.error, "");
  deepEqual(
    (await print(data, { pending: true })).messages.map(({ eventId }) => eventId),
    ["event-m1", "event-m2"],
  );
});

test("dead letters are printed with why they are dead", async (t) => {
  const { data } = await orphanSite(t, 3);
  const { messages } = await print(data, { dead: true });
  deepEqual(
    messages.map(({ eventId, done, dead }) => [eventId, done, (dead as { code: string }).code]),
    [["event-m0", null, "SST_DESTINATION_REFUSED"]],
  );
});

test("it works while the program runs, and on a folder that was moved away", async (t) => {
  const { data, folder } = await orphanSite(t, 3);
  const lock = await lockDataFolder(data);
  t.after(() => lock.release());
  const spool = await openSpool(data, ["old"]);
  equal((await print(data)).messages.length, 3);
  await spool.close();
  renameSync(join(data, "spool", "old"), join(folder, "moved"));
  equal((await print(data, { log: join(folder, "moved") })).messages.length, 3);
  equal((await print(data, { log: `${join(folder, "moved")}/`, pending: true })).messages.length, 2);
});

test("damage is told on standard error, exit 1, and the rest is printed", async (t) => {
  const { data } = await orphanSite(t, 3);
  const folder = join(data, "spool", "old");
  const path = join(folder, readdirSync(folder).find((name) => name.endsWith(".segment")) ?? "");
  const bytes = readFileSync(path);
  const at = bytes.indexOf("event-m1");
  writeFileSync(path, bytes.fill(0, at, at + 4));
  const { status, messages, out } = await print(data);
  equal(status, 1);
  equal(messages.length, 2);
  match(out.error, /^PROBLEM: .*\.segment at byte \d+: \d+ bytes that were on disk can't be read any more; frame 3 is lost\n$/);
});

test("a reader that goes away ends it with 0", async (t) => {
  const { data } = await orphanSite(t, 3);
  const { status, out } = await print(data, {}, new RecordedOutput(false, 1));
  equal(status, 0);
  ok(out.out.includes("event-m0"));
});

test("a log that isn't there is told with one that is, and dead letters can't be asked for what waits", async (t) => {
  const { data } = await orphanSite(t, 1);
  await (await openSpool(data, ["rabbit-eu"])).close();
  await rejects(print(data, { log: "rabbit-ue" }), {
    code: "SST_COMMAND_INVALID",
    message: `there is no log "rabbit-ue" in ${join(data, "spool")}; did you mean rabbit-eu?`,
  });
  await rejects(print(join(data, "none")), { code: "SST_DATA_MISSING" });
  await rejects(print(data, { log: "/" }), { code: "SST_COMMAND_INVALID" });
  await rejects(print(data, { log: join(data, "spool") }), { code: "SST_COMMAND_INVALID" }, "a folder above it is no log");
  await rejects(print(data, { dead: true, pending: true }), { code: "SST_COMMAND_INVALID", message: /--pending is for messages/ });
});
