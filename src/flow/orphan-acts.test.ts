import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { OrphanActs, orphanedText } from "./orphan-acts.ts";
import { disk } from "./spool/disk.ts";
import { Spool } from "./spool/spool.ts";
import { message, readAll, temporaryFolder } from "./spool/testing/fixtures.ts";

const MIB = 1024 * 1024;
const WAITS = { waitMsMax: 60_000, waitsForRoom: false };

function open(dataFolder: string, names: readonly string[]): Promise<Spool> {
  const destinations = names.map((name) => ({ name, bytesMax: 16 * MIB, deadLetters: { keepMs: 1e12, bytesMax: MIB } }));
  return Spool.open({ disk, dataFolder, destinations, topicsMax: 10, onFinding: () => undefined });
}

interface Opened {
  readonly data: string;
  readonly spool: Spool;
  readonly acts: OrphanActs;
}

/** Destinations `kafka1` and `kafka2`; the logs `old` and `older`, with so many messages each, have none. */
async function opened(t: TestContext, count = 3): Promise<Opened> {
  const data = join(temporaryFolder(t), "data");
  const before = await open(data, ["old", "older"]);
  for (const log of before.logs.values()) {
    for (let index = 0; index < count; index++) log.append(message(`${log.destination}-${index}`), true);
    await log.flush();
  }
  await before.close();
  const spool = await open(data, ["kafka1", "kafka2"]);
  t.after(() => spool.close());
  const configured = ["kafka1", "kafka2"];
  const acts = new OrphanActs({ disk, dataFolder: data, configured, found: spool.orphaned, logs: spool.logs, onFinding: () => undefined });
  return { data, spool, acts };
}

test("orphans are known from the opening on, and what is adopted or purged is none any more", async (t) => {
  const { data, spool, acts } = await opened(t);
  deepEqual(acts.names, ["old", "older"]);
  deepEqual(await acts.adopt({ log: "old", destination: "kafka1" }, WAITS), { moved: 3, left: 0, state: "done", damaged: false });
  deepEqual(acts.names, ["older"]);
  const log = spool.logs.get("kafka1");
  ok(log !== undefined);
  equal((await readAll(log)).length, 3);
  await acts.purge({ log: "older" });
  deepEqual(acts.names, []);
  ok(!existsSync(join(data, "spool", "older")) && !existsSync(join(data, "dead", "older")));
});

test("what waits in orphans is counted on disk, without what is done, and follows each act", async (t) => {
  const { data, acts, spool } = await opened(t);
  await spool.close();
  const again = await open(data, ["kafka1", "kafka2", "old"]);
  const old = again.logs.get("old");
  ok(old !== undefined);
  const [first] = await readAll(old);
  ok(first !== undefined);
  await old.confirm([{ ...first, lane: null, outcome: "delivered", reason: null }]);
  await again.close();
  deepEqual(acts.pending, [], "not counted yet");
  await acts.count();
  deepEqual(acts.pending, [
    { log: "old", messages: 2 },
    { log: "older", messages: 3 },
  ]);
  await acts.purge({ log: "older" });
  deepEqual(acts.pending, [{ log: "old", messages: 2 }]);
});

test("a count that is under way ends when the program does", async (t) => {
  const { acts } = await opened(t);
  const counting = acts.count();
  await acts.stop();
  await counting;
  ok(acts.pending.length <= 2);
});

test("a destination's own log is never purged or adopted, and for a name that is none those that there are are told", async (t) => {
  const { acts, data } = await opened(t);
  for (const act of [() => acts.purge({ log: "kafka1" }), () => acts.adopt({ log: "kafka2", destination: "kafka1" }, WAITS)])
    await rejects(act(), { code: "SST_COMMAND_INVALID", message: /^"kafka[12]" is a destination of the configuration/ });
  ok(existsSync(join(data, "spool", "kafka1")));
  await rejects(acts.purge({ log: "../spool/old" }), { code: "SST_COMMAND_INVALID" });
  await rejects(acts.purge({ log: "rabbit" }), { message: 'no orphaned log is named "rabbit": there are old, older' });
  await rejects(acts.adopt({ log: "old", destination: "kafka3" }, WAITS), {
    code: "SST_COMMAND_INVALID",
    message: /^no destination is named "kafka3"; did you mean kafka[12]\?$/,
  });
  deepEqual(acts.names, ["old", "older"]);
});

test("acts run one after the other: a log that is being adopted can't be purged meanwhile", async (t) => {
  const { acts } = await opened(t, 600);
  const adopting = acts.adopt({ log: "old", destination: "kafka1" }, WAITS);
  await rejects(acts.purge({ log: "old" }), { message: 'no orphaned log is named "old": there is older' });
  equal((await adopting).moved, 600);
});

test("when the program ends, an adoption ends after the chunk that is under way, and no other act begins", async (t) => {
  const { acts } = await opened(t, 1_200);
  let stopping: Promise<void> = Promise.resolve();
  const adopted = await acts.adopt({ log: "old", destination: "kafka1" }, { ...WAITS, onMoved: () => void (stopping = acts.stop()) });
  deepEqual(adopted, { moved: 500, left: 700, state: "more", damaged: false });
  deepEqual(acts.pending, [{ log: "old", messages: 700 }]);
  await stopping;
  await rejects(acts.purge({ log: "old" }), { code: "SST_ENGINE_LOST" });
});

test("the text that tells of an orphan names both commands", () => {
  match(orphanedText("old"), /`sidestream spool adopt old DESTINATION`.*`sidestream spool purge old`/);
});
