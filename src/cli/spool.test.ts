import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { disk } from "../flow/spool/disk.ts";
import { DATA_OFFSET } from "../flow/spool/format.ts";
import { lockDataFolder } from "../flow/spool/lock.ts";
import { lockForReading } from "../flow/spool/read-lock.ts";
import { Spool } from "../flow/spool/spool.ts";
import { delivered, message, readAll, temporaryFolder } from "../flow/spool/testing/fixtures.ts";
import type { Output } from "./output.ts";
import { runSpoolFsck, runSpoolInspect } from "./spool.ts";

const MIB = 1024 * 1024;

class Recorded implements Output {
  out = "";
  error = "";
  readonly isTerminal: boolean;
  readonly stdout = (text: string): void => void (this.out += text);
  readonly stderr = (text: string): void => void (this.error += text);

  constructor(isTerminal = false) {
    this.isTerminal = isTerminal;
  }
}

function open(dataFolder: string): Promise<Spool> {
  const deadLetters = { keepMs: 1e12, bytesMax: MIB };
  const destinations = [
    { name: "kafka1", bytesMax: 16 * MIB, deadLetters },
    { name: "rabbit-eu", bytesMax: 16 * MIB, deadLetters },
  ];
  return Spool.open({ disk, dataFolder, destinations, topicsMax: 10, onFinding: () => undefined });
}

/** A data folder with two destinations: three messages wait for the first, one of them delivered; one is dead. */
async function dataFolder(t: TestContext): Promise<string> {
  const data = join(temporaryFolder(t), "data");
  const spool = await open(data);
  const log = spool.logs.get("kafka1");
  ok(log !== undefined);
  for (const text of ["a", "b", "c"]) log.append(message(text), true);
  await log.flush();
  const [first] = await readAll(log);
  ok(first !== undefined);
  await log.confirm([delivered(first)]);
  await spool.deadLetters.get("kafka1")?.add(first, "SST_DESTINATION_REFUSED", "too large");
  await spool.close();
  return data;
}

function segmentOf(data: string): string {
  const folder = join(data, "spool", "kafka1");
  return join(folder, readdirSync(folder).find((name) => name.endsWith(".segment")) ?? "");
}

test("a clean spool is listed for people, exit 0", async (t) => {
  const data = await dataFolder(t);
  const out = new Recorded();
  equal(await runSpoolInspect({ data, json: false }, out), 0);
  const lines = out.out.split("\n");
  match(lines[0] ?? "", /^log +holds +segments +bytes +messages +pending +next number$/);
  deepEqual(
    lines.slice(1, 5).map((line) => line.split(/ {2,}/).slice(0, 2)),
    [
      ["kafka1", "messages"],
      ["rabbit-eu", "messages"],
      ["kafka1", "dead letters"],
      ["rabbit-eu", "dead letters"],
    ],
  );
  match(lines[1] ?? "", / 3 +2 +5$/);
  match(lines[3] ?? "", /^kafka1 +dead letters .* 1 +- +-$/);
  match(out.out, /No problem found\. A quick look, and a snapshot when the program runs/);
  equal(out.error, "");
});

test("fsck counts what is pending and says that it read everything", async (t) => {
  const data = await dataFolder(t);
  const out = new Recorded();
  equal(await runSpoolFsck({ data, json: false }, out), 0);
  match(out.out, /^kafka1 +messages +1 +\d+ +3 +2 +5$/m);
  match(out.out, /No problem found\. Every byte was read\.\n$/);
});

test("for programs it is JSON, each finding with whether it is a problem", async (t) => {
  const data = await dataFolder(t);
  appendFileSync(segmentOf(data), Buffer.alloc(100, 1));
  const out = new Recorded();
  equal(await runSpoolFsck({ data, json: true }, out), 0);
  const printed = JSON.parse(out.out) as {
    clean: boolean;
    logs: { name: string; kind: string; pending: number | null; findings: { kind: string; problem: boolean; bytes: number }[] }[];
  };
  equal(printed.clean, true);
  deepEqual(
    printed.logs.map(({ name, kind, pending }) => [name, kind, pending]),
    [
      ["kafka1", "messages", 2],
      ["rabbit-eu", "messages", 0],
      ["kafka1", "deadLetters", null],
      ["rabbit-eu", "deadLetters", null],
    ],
  );
  deepEqual(
    printed.logs[0]?.findings.map(({ kind, problem, bytes }) => [kind, problem, bytes]),
    [["cut-tail", false, 100]],
  );
});

test("what a kill leaves behind is a note and exit 0; fsck leaves it as it is", async (t) => {
  const data = await dataFolder(t);
  appendFileSync(segmentOf(data), Buffer.alloc(100, 1));
  const before = readFileSync(segmentOf(data));
  const out = new Recorded();
  equal(await runSpoolFsck({ data, json: false }, out), 0);
  match(
    out.out,
    /^note: .*\.segment at byte \d+: the last write was never finished: 100 bytes will be cut at the next start; nothing in them was acknowledged by a disk that keeps its word$/m,
  );
  match(out.out, /No problem found/);
  deepEqual(readFileSync(segmentOf(data)), before);
});

test("damage is a problem and exit 1, with the file, the byte and the page that says what to do", async (t) => {
  const data = await dataFolder(t);
  const path = segmentOf(data);
  const bytes = readFileSync(path);
  bytes.fill(0, 0, DATA_OFFSET);
  writeFileSync(path, bytes);
  for (const run of [runSpoolInspect, runSpoolFsck]) {
    const out = new Recorded();
    equal(await run({ data, json: false }, out), 1);
    match(out.out, /^PROBLEM: .*\.segment at byte 0: both copies of the header are damaged; at the next start the file is set aside as/m);
    match(out.out, /problems? found: docs\/spool-format\.md, section 9, says what each means/);
  }
  ok(existsSync(path), "nothing is set aside by looking");
});

test("fsck refuses while the program runs, and inspect works then too", async (t) => {
  const data = await dataFolder(t);
  const lock = await lockDataFolder(data);
  const spool = await open(data);
  await rejects(runSpoolFsck({ data, json: false }, new Recorded()), { code: "SST_SPOOL_LOCKED" });
  equal(await runSpoolInspect({ data, json: false }, new Recorded()), 0);
  await spool.close();
  lock.release();
  equal(await runSpoolFsck({ data, json: false }, new Recorded()), 0);
});

test("progress is shown to a person on standard error, one line that is cleared", async (t) => {
  const data = await dataFolder(t);
  (await lockDataFolder(data)).release();
  const out = new Recorded(true);
  await runSpoolFsck({ data, json: true }, out);
  for (const log of ["spool/kafka1", "spool/rabbit-eu", "dead/kafka1", "dead/rabbit-eu"])
    ok(out.error.includes(`\r\x1b[Kreading ${log} …`), log);
  ok(out.error.endsWith("\r\x1b[K"));
  ok(!out.error.includes("\n"));
  ok(out.out.startsWith("{"));
});

test("a folder that isn't there is an error and is not made; one without a spool has none", async (t) => {
  const data = await dataFolder(t);
  const none = join(data, "none");
  for (const run of [runSpoolInspect, runSpoolFsck]) {
    await rejects(run({ data: none, json: false }, new Recorded()), {
      code: "SST_DATA_MISSING",
      message: `there is no data folder ${none}`,
    });
  }
  equal(existsSync(none), false);
  for (const name of ["spool", "dead"]) rmSync(join(data, name), { recursive: true });
  (await lockDataFolder(data)).release();
  const out = new Recorded();
  equal(await runSpoolInspect({ data, json: false }, out), 0);
  equal(out.out, "There is no spool in this data folder.\n");
});

test("a folder on which no sidestream ran, or a file, is no data folder, and is left as it is", async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, "file"), "");
  for (const run of [runSpoolInspect, runSpoolFsck]) {
    await rejects(run({ data: folder, json: false }, new Recorded()), {
      code: "SST_DATA_MISSING",
      message: /no sidestream ever ran on it$/,
    });
    await rejects(run({ data: join(folder, "file"), json: false }, new Recorded()), { code: "SST_DATA_MISSING", message: /is a file/ });
  }
  deepEqual(readdirSync(folder), ["file"]);
});

test("fsck makes no lock where there is none, says so, and lets others read where there is one", async (t) => {
  const data = await dataFolder(t);
  const unlocked = new Recorded();
  equal(await runSpoolFsck({ data, json: false }, unlocked), 0);
  match(unlocked.error, /is read without its lock \(it has none\): make sure that no sidestream runs on it/);
  equal(existsSync(join(data, "lock")), false);
  (await lockDataFolder(data)).release();
  const reading = lockForReading(data);
  const locked = new Recorded();
  equal(await runSpoolFsck({ data, json: false }, locked), 0);
  equal(locked.error, "");
  await rejects(lockDataFolder(data), { code: "SST_SPOOL_LOCKED" });
  reading.release();
  (await lockDataFolder(data)).release();
});

test("very many findings are cut for people, and counted", async (t) => {
  const data = await dataFolder(t);
  const folder = join(data, "spool", "kafka1");
  for (let number = 2; number < 124; number++)
    writeFileSync(join(folder, `${String(number).padStart(16, "0")}.segment`), Buffer.alloc(DATA_OFFSET + 1));
  const out = new Recorded();
  equal(await runSpoolInspect({ data, json: false }, out), 1);
  match(out.out, /^and 22 more: see --json$/m);
  match(out.out, /^122 problems found/m);
});
