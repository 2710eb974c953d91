import { deepEqual, equal, match } from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { SidestreamError } from "../errors.ts";
import { createLog } from "../observe/log.ts";
import { OutletNotices } from "./outlet-notices.ts";
import { OutletRoom, type RoomLog } from "./outlet-room.ts";
import type { BudgetSettings } from "./settings.ts";

const MIB = 2 ** 20;

class FakeLog implements RoomLog {
  stopped: SidestreamError | null = null;
  uncut: SidestreamError | null = null;
  roomBytes = 8 * MIB;
  givenUp = 0;
  freed = 0;
  kept = 0;
  readonly overShare = new Set<string>();

  get refusing(): SidestreamError | null {
    return this.stopped ?? this.uncut;
  }

  roomFor(tenant: string): number {
    return this.overShare.has(tenant) ? 0 : this.roomBytes;
  }

  heldBytes(): number {
    return 3 * MIB;
  }

  status() {
    return { usedBytes: 8 * MIB - this.roomBytes, bytesMax: 8 * MIB };
  }

  freeSegments(): Promise<void> {
    this.freed += 1;
    return Promise.resolve();
  }

  keepCounts(): Promise<void> {
    this.kept += 1;
    return Promise.resolve();
  }
}

function setUp(context: TestContext, whenFull: BudgetSettings["whenFull"] = "drop-newest") {
  context.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const told: string[] = [];
  const log = createLog({ level: "info", name: "test", write: (line) => told.push((JSON.parse(line) as { msg: string }).msg) });
  const spool = new FakeLog();
  const notices = new OutletNotices("kafka1", log);
  const budget = { bytesMax: 8 * MIB, whenFull, tenantSharePercent: 25, parkBytes: MIB };
  const room = new OutletRoom({ name: "kafka1", spool, budget, notices, log, isSent: true });
  return { told, spool, notices, room };
}

test("an event that is kept whole or not at all is refused for its tenant's share, for a full log, or for one that stopped", (context) => {
  const { spool, room } = setUp(context);
  spool.overShare.add("diku");
  equal(room.refusal(MIB, "college"), null);
  equal(room.refusal(MIB, "diku"), "SST_TENANT_SHARE");
  equal(room.shares.count, 1);
  spool.roomBytes = MIB - 1;
  equal(room.refusal(MIB, "college"), "SST_SPOOL_FULL");
  equal(room.refusal(MIB, "diku"), "SST_SPOOL_FULL");
  spool.stopped = new SidestreamError("SST_SPOOL_IO", "EIO");
  spool.roomBytes = 0;
  equal(room.refusal(MIB, "college"), "SST_SPOOL_IO");
  equal(room.shares.count, 1);
});

test("only a tenant over its share is held back, not everybody at a log without room", (context) => {
  const { spool, room } = setUp(context);
  spool.overShare.add("diku");
  deepEqual([room.holdsBack("diku"), room.holdsBack("college")], [true, false]);
  spool.roomBytes = 0;
  deepEqual([room.holdsBack("diku"), room.holdsBack("college")], [false, false]);
});

test("what a log doesn't take counts by its reason, and a tenant's share is no trouble of the whole log", (context) => {
  const { notices, room } = setUp(context);
  equal(room.turnedAway(new SidestreamError("SST_TENANT_SHARE", "diku holds 3 of 2"), "diku"), "tenant-share");
  equal(notices.trouble?.code, undefined);
  equal(room.shares.count, 1);
  equal(room.turnedAway(new SidestreamError("SST_SPOOL_FULL", "full"), "diku"), "spool-full");
  equal(notices.trouble?.code, "SST_SPOOL_FULL");
  equal(room.turnedAway(new SidestreamError("SST_SPOOL_IO", "EIO"), "diku"), "disk");
});

test("a full log is told of once, tried to be freed at each look, and told of when it has room again", (context) => {
  const { told, spool, room } = setUp(context);
  room.look(MIB);
  spool.roomBytes = MIB / 2;
  for (let looks = 0; looks < 3; looks++) room.look(MIB);
  equal(spool.freed, 3);
  context.mock.timers.setTime(1_007_000);
  spool.roomBytes = MIB;
  room.look(MIB);
  room.look(MIB);
  deepEqual(told, [
    "the spool of kafka1 is full: it holds 7.5 of 8.0 MiB. New messages for it are turned away until some are delivered: webhooks are answered 503, durable requests are refused or pass uncaptured, the rest is dropped and counted as `spool-full`. Mend the destination if it lags; else raise its `spool.bytesMax`",
    "the spool of kafka1 has room again, after 7 s",
  ]);
});

test("a log that fills again within a minute and stays full is told of after that minute, so that the last line is true", (context) => {
  const { told, spool, room } = setUp(context);
  for (const roomBytes of [0, MIB, 0]) {
    spool.roomBytes = roomBytes;
    room.look(MIB);
  }
  equal(told.length, 2);
  for (let second = 1; second <= 120; second++) {
    context.mock.timers.setTime(1_000_000 + second * 1_000);
    room.look(MIB);
  }
  equal(told.length, 3);
  match(told[2] ?? "", /^the spool of kafka1 is full/);
  spool.roomBytes = MIB;
  room.look(MIB);
  equal(told[3], "the spool of kafka1 has room again, after 120 s");
});

test("with `refuse`, the line of a full log says that other destinations lose the events, too", (context) => {
  const { told, spool, room } = setUp(context, "refuse");
  spool.roomBytes = 0;
  room.look(MIB);
  spool.roomBytes = MIB;
  room.look(MIB);
  equal(told.length, 2);
  match(
    told[0] ?? "",
    /^the spool of kafka1 is full: .* refused as a whole .* other destinations get nothing .*`refused`\. Mend the destination/,
  );
  equal(told[1], "the spool of kafka1 has room again, after 0 s");
});

test("a log that gives up its oldest messages says so while there is room, until an eighth of it is free, and how many it were", (context) => {
  const { told, spool, notices, room } = setUp(context, "drop-oldest");
  spool.roomBytes = (7 / 8) * MIB;
  room.look(MIB / 4);
  deepEqual(told, []);
  for (spool.givenUp = 10; spool.givenUp < 15; spool.givenUp++) room.look(MIB / 4);
  room.look(MIB / 4);
  equal(notices.trouble?.message, "the spool of kafka1 is full: it holds 7.1 of 8.0 MiB");
  spool.roomBytes = MIB;
  room.look(MIB / 4);
  equal(notices.trouble, null);
  deepEqual(told, [
    "the spool of kafka1 is full: it holds 7.1 of 8.0 MiB. Its oldest messages are given up for new ones, also such as were acknowledged, and counted as `drop-oldest`; new ones for which room isn't made in time are dropped, counted as `spool-full`. Mend the destination if it lags; else raise its `spool.bytesMax`",
    "the spool of kafka1 has room again (15 of its oldest messages were given up), after 0 s",
  ]);
});

test("where events are large, a log that gives up its oldest messages has room again only beyond what it keeps free for them", (context) => {
  const { told, spool, room } = setUp(context, "drop-oldest");
  spool.givenUp = 1;
  spool.roomBytes = 2.4 * MIB;
  room.look(MIB);
  room.look(MIB);
  equal(told.length, 1);
  spool.roomBytes = 2.5 * MIB;
  room.look(MIB);
  equal(told.length, 2);
});

test("a log whose oldest messages give way tells so too when a new one found no room", (context) => {
  const { told, spool, room } = setUp(context, "drop-oldest");
  spool.roomBytes = 0;
  equal(room.turnedAway(new SidestreamError("SST_SPOOL_FULL", "full"), "diku"), "spool-full");
  room.look(MIB);
  equal(told.length, 1);
  match(told[0] ?? "", /Its oldest messages are given up/);
});

test("a log that stopped is told of once, with what to do, whoever meets it first, and never as working again", (context) => {
  const { told, spool, notices, room } = setUp(context);
  spool.roomBytes = 0;
  room.look(MIB);
  spool.stopped = new SidestreamError("SST_SPOOL_IO", "could not write to x: EIO");
  equal(room.turnedAway(spool.stopped, "diku"), "disk");
  room.look(MIB);
  notices.spoolFailed(new SidestreamError("SST_SPOOL_READ_ONLY", "EROFS"));
  notices.spoolWorks();
  equal(notices.trouble?.code, "SST_SPOOL_IO");
  deepEqual(told.slice(1), [
    "messages for kafka1 can't be kept: SST_SPOOL_IO: could not write to x: EIO. The log has stopped. What it holds is still sent, nothing new is taken in: webhooks are answered 503, durable requests are refused or pass uncaptured, the rest is lost and counted. Mend the disk (its space, its mount, `dmesg`), then restart Sidestream: the log doesn't go on before, and `/ready` answers 503 until then",
  ]);
});

test("only a destination with `whenFull: refuse` refuses events whose source can't be told", (context) => {
  for (const [whenFull, refuses] of [
    ["refuse", true],
    ["drop-newest", false],
    ["drop-oldest", false],
  ] as const) {
    const { room } = setUp(context, whenFull);
    equal(room.refuses, refuses, whenFull);
    context.mock.timers.reset();
  }
});

test("a log that refuses for what the disk did is told by the disk's code, not as full, and asked again", (context) => {
  const { spool, notices, room } = setUp(context);
  spool.uncut = new SidestreamError("SST_SPOOL_READ_ONLY", "could not cut x: EROFS");
  spool.roomBytes = 0;
  room.look(MIB);
  equal(room.refusal(MIB, "diku"), "SST_SPOOL_READ_ONLY");
  equal(notices.trouble?.code, "SST_SPOOL_READ_ONLY");
  equal(spool.freed, 1);
  spool.uncut = null;
  spool.roomBytes = 8 * MIB;
  room.look(MIB);
  equal(notices.trouble, null, "also where nothing is appended meanwhile");
});

test("what was counted is made last once a second, also where nothing is confirmed", (context) => {
  const { spool, room } = setUp(context);
  for (let looks = 0; looks < 25; looks++) {
    room.look(MIB);
    context.mock.timers.tick(100);
  }
  equal(spool.kept, 3);
});
