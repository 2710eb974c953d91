import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { WAITING_BYTES_MAX, type EventLog } from "./event-log.ts";
import { eventLines } from "./event-lines.ts";
import { FREE_BYTES_MIN } from "./event-writer.ts";
import { eventLine, EventSite } from "./testing/event-site.ts";

const KIB = 2 ** 10;
const MIB = 2 ** 20;
const HOUR_MS = 3_600_000;
const NONE = { behind: 0, noRoom: 0, failed: 0, unmade: 0 };

function keep(log: EventLog, ...lines: readonly Buffer[]): void {
  for (const line of lines) if (log.takesOne()) log.keep(line);
}

test("events are written one a line, in files that nobody else can read", async (context) => {
  const site = new EventSite(context);
  const log = site.open();
  keep(log, eventLine("1", "diku"), eventLine("2", "college"));
  await log.settled();
  equal(site.text(), `${eventLine("1", "diku")}\n${eventLine("2", "college")}\n`);
  const [name = ""] = site.names();
  deepEqual([statSync(join(site.eventsFolder, name)).mode & 0o777, statSync(site.eventsFolder).mode & 0o777], [0o600, 0o700]);
  deepEqual(log.state(), { bytes: site.text().length, bytesMax: 16 * MIB, files: 1, written: 2, dropped: NONE });
  await log.close();
});

test("the oldest files go once all of them would be more than the bytes that they may have", async (context) => {
  const site = new EventSite(context);
  const log = site.open();
  for (let id = 0; id < 40; id++) {
    keep(log, eventLine(String(id), "diku", 600 * KIB));
    await log.settled();
    ok(log.state().bytes <= 16 * MIB);
  }
  await log.close();
  const text = site.text();
  ok(text.length <= 16 * MIB && text.length > 14 * MIB);
  ok(text.includes('"id":"39"') && !text.includes('"id":"0"'));
  deepEqual(site.notices, []);
});

test("an event that is larger than all files together may be is left out, and counted", async (context) => {
  const site = new EventSite(context);
  const log = site.open({ bytesMax: MIB });
  keep(log, eventLine("1", "diku", 2 * MIB));
  await log.settled();
  deepEqual([log.state().dropped, log.state().written], [{ ...NONE, noRoom: 1 }, 0]);
  await log.close();
});

test("what is too old goes, also where nothing comes, also what is dated ahead", async (context) => {
  const site = new EventSite(context);
  const log = site.open();
  keep(log, eventLine("1", "diku"));
  await log.settled();
  site.ahead = HOUR_MS / 2;
  await log.trim();
  equal(site.names().length, 1);
  site.ahead = HOUR_MS * 1.1;
  await log.trim();
  deepEqual(site.names(), []);
  keep(log, eventLine("2", "diku"));
  await log.settled();
  await log.close();
  site.ahead = -HOUR_MS * 1.1;
  const after = site.open();
  await after.trim();
  deepEqual(site.names(), []);
  await after.close();
});

test("a log that is opened again goes on in a new file, and what was there stays within its time", async (context) => {
  const site = new EventSite(context);
  const log = site.open();
  keep(log, eventLine("1", "diku"));
  await log.close();
  writeFileSync(join(site.eventsFolder, `${site.names()[0]}.rewriting`), "left by a kill");
  const after = site.open();
  keep(after, eventLine("2", "diku"));
  await after.close();
  equal(site.names().length, 2);
  match(site.text(), /"id":"1".*\n.*"id":"2"/);
});

test("a disk that is slower than events come gets no more than the bound; the rest is counted, and nobody waits", async (context) => {
  const site = new EventSite(context);
  const { promise, resolve } = Promise.withResolvers<void>();
  site.gate = promise;
  const log = site.open({ bytesMax: 64 * MIB });
  const line = eventLine("1", "diku", MIB);
  for (let id = 0; id < 20; id++) keep(log, line);
  const { behind } = log.state().dropped;
  equal(behind, 20 - Math.ceil(WAITING_BYTES_MAX / (line.length + 1)));
  resolve();
  await log.settled();
  deepEqual([log.state().written, log.takesOne(), site.notices.length], [20 - behind, true, 1]);
  match(site.notices[0] ?? "", /the disk is slower than events come/);
  await log.close();
});

test("below what the disk is to have free, the log gives its files away and writes nothing, until there is room again", async (context) => {
  const site = new EventSite(context);
  const log = site.open();
  keep(log, eventLine("1", "diku"));
  await log.settled();
  site.freeBytes = FREE_BYTES_MIN;
  keep(log, eventLine("2", "diku"));
  await log.settled();
  deepEqual([site.names(), log.state().dropped.noRoom, log.takesOne()], [[], 1, false]);
  match(site.notices.join("\n"), /the disk is nearly full/);
  site.freeBytes = 2 * FREE_BYTES_MIN;
  site.ahead = 11_000;
  keep(log, eventLine("3", "diku"));
  await log.close();
  match(site.text(), /"id":"3"/);
});

test("a spool that finds the disk full gets the files one by one, and for a minute none is written", async (context) => {
  const site = new EventSite(context);
  const log = site.open();
  for (const id of ["1", "2"]) {
    keep(log, eventLine(id, "diku", 900 * KIB));
    await log.settled();
  }
  equal(site.names().length, 2);
  equal(await log.giveWay(), true);
  ok(!site.text().includes('"id":"1"'));
  equal(await log.giveWay(), true);
  equal(await log.giveWay(), false);
  equal(log.takesOne(), false);
  site.ahead = 61_000;
  equal(log.takesOne(), true);
  await log.close();
});

test("a write that fails on a full disk frees room, and its half line is read as none", async (context) => {
  const site = new EventSite(context);
  const log = site.open();
  keep(log, eventLine("1", "diku", 900 * KIB));
  await log.settled();
  keep(log, eventLine("2", "diku", 900 * KIB));
  await log.settled();
  site.writesFail = "ENOSPC";
  keep(log, eventLine("3", "diku", 900 * KIB));
  await log.settled();
  deepEqual([log.state().dropped, log.takesOne()], [{ ...NONE, noRoom: 1 }, false]);
  site.writesFail = null;
  site.ahead = 11_000;
  keep(log, eventLine("4", "diku"));
  await log.close();
  const left = { tornBytes: 0, oversized: 0 };
  const ids: string[] = [];
  for (const name of site.names())
    for await (const line of eventLines(join(site.eventsFolder, name), left)) ids.push(/"id":"(\d)"/.exec(line.toString())?.[1] ?? "");
  deepEqual(ids, ["2", "4"]);
  ok(left.tornBytes > 400 * KIB);
});

test("a disk that refuses to write, or a folder that can't be made, costs the events and nothing else", async (context) => {
  const site = new EventSite(context);
  const log = site.open();
  site.creationsFail = "EACCES";
  keep(log, eventLine("1", "diku"));
  await log.settled();
  deepEqual(log.state().dropped, { ...NONE, failed: 1 });
  match(site.notices.join("\n"), /can't be written/);
  keep(log, eventLine("1", "diku"));
  deepEqual(log.state().dropped, { ...NONE, failed: 2 }, "it isn't tried again at once, and the cause stays the same");
  site.creationsFail = null;
  site.writesFail = "EIO";
  site.ahead = 11_000;
  keep(log, eventLine("2", "diku"));
  await log.close();
  equal(log.state().dropped.failed, 3);

  const other = new EventSite(context);
  writeFileSync(other.eventsFolder, "a file");
  const blocked = other.open();
  keep(blocked, eventLine("1", "diku"));
  equal(await blocked.giveWay(), false);
  deepEqual((await blocked.erase("diku", "", Infinity)).left, [other.eventsFolder]);
  await blocked.close();
  equal(blocked.state().dropped.noRoom, 1);
});

test("a folder that somebody removed is made anew", async (context) => {
  const site = new EventSite(context);
  const log = site.open({ bytesMax: 16 * MIB });
  await log.trim();
  rmSync(site.eventsFolder, { recursive: true });
  keep(log, eventLine("1", "diku"));
  await log.close();
  match(site.text(), /"id":"1"/);
});

test("purging a tenant takes its events out of all files, those that wait included, and leaves others and their time", async (context) => {
  const site = new EventSite(context);
  const log = site.open();
  keep(log, eventLine("1", "diku"), eventLine("2", "college"));
  await log.close();
  const [first = ""] = site.names();
  const path = join(site.eventsFolder, first);
  writeFileSync(path, `${readFileSync(path, "utf8")}{"sidestreamtenant":"diku","torn`);
  const beforeMs = statSync(path).mtimeMs;
  const again = site.open();
  keep(again, eventLine("3", "diku"), eventLine("4 of diku", "college"));
  const erased = await again.erase("diku", "", Infinity);
  deepEqual([erased.events, erased.isThrough, erased.left], [2, true, []]);
  equal(site.text(), `${eventLine("2", "college")}\n${eventLine("4 of diku", "college")}\n`);
  ok(Math.abs(statSync(path).mtimeMs - beforeMs) < 2);
  equal(again.state().bytes, site.text().length);
  deepEqual((await again.erase("college", "", Infinity)).events, 2);
  deepEqual([site.names(), again.state().bytes], [[], 0]);
  await again.close();
});

test("a purge goes piece by piece, and names the files that it can't rewrite", async (context) => {
  const site = new EventSite(context);
  const log = site.open();
  for (const id of ["1", "2", "3"]) {
    keep(log, eventLine(id, "diku", 900 * KIB), eventLine(id, "college", 200 * KIB));
    await log.settled();
  }
  let after = "";
  let calls = 0;
  let events = 0;
  for (let isThrough = false; !isThrough; calls++) {
    const erased = await log.erase("diku", after, 0);
    ({ after, isThrough } = erased);
    events += erased.events;
  }
  ok(calls > 1);
  equal(events, 3);
  site.renamesFail = "EACCES";
  keep(log, eventLine("4", "diku"), eventLine("5", "college"));
  const erased = await log.erase("diku", "", Infinity);
  deepEqual([erased.left.length, erased.isThrough], [1, true]);
  ok(!site.names().some((name) => name.endsWith(".rewriting")));
  await log.close();
});

test("lines come whole or not at all, however they are cut into pieces", async (context) => {
  const site = new EventSite(context);
  mkdirSync(site.eventsFolder);
  const path = join(site.eventsFolder, "lines");
  const lines = fc.array(
    fc.oneof(
      fc.string({ maxLength: 30 }),
      fc.integer({ min: 0, max: 600_000 }).map((length) => "y".repeat(length)),
    ),
    {
      maxLength: 6,
    },
  );
  await fc.assert(
    fc.asyncProperty(lines, fc.string({ maxLength: 20 }), async (given, torn) => {
      const whole = given.map((line) => line.replaceAll("\n", ""));
      const rest = torn.replaceAll("\n", "");
      writeFileSync(path, whole.map((line) => `${line}\n`).join("") + rest);
      const left = { tornBytes: 0, oversized: 0 };
      const read: string[] = [];
      for await (const line of eventLines(path, left, 300_000)) read.push(line.toString());
      const fitting = whole.filter((line) => Buffer.byteLength(line) <= 300_000);
      deepEqual(
        read,
        fitting.map((line) => Buffer.from(line).toString()),
      );
      deepEqual(left, { tornBytes: Buffer.byteLength(rest), oversized: whole.length - fitting.length });
    }),
    { numRuns: 60 },
  );
});
