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
  roomBytes = 8 * MIB;
  givenUp = 0;
  freed = 0;
  readonly overShare = new Set<string>();

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
}

function setUp(context: TestContext, whenFull: BudgetSettings["whenFull"] = "drop-newest") {
  context.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const told: string[] = [];
  const log = createLog({ level: "info", name: "test", write: (line) => told.push((JSON.parse(line) as { msg: string }).msg) });
  const spool = new FakeLog();
  const notices = new OutletNotices("kafka1", log);
  const room = new OutletRoom("kafka1", spool, { bytesMax: 8 * MIB, whenFull, tenantSharePercent: 25, parkBytes: MIB }, notices, log);
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
  spool.roomBytes = MIB;
  room.look(MIB);
  room.look(MIB);
  deepEqual(told, [
    "messages for kafka1 can't be kept: the spool of kafka1 holds 7864320 of 8388608 bytes. Durable requests and webhooks are refused or pass uncaptured, the rest is lost and counted",
    "messages for kafka1 are kept again, after 0 s",
  ]);
});

test("a log that gives up its oldest messages says so while there is room, until an eighth of it is free", (context) => {
  const { told, spool, notices, room } = setUp(context, "drop-oldest");
  spool.roomBytes = (7 / 8) * MIB;
  room.look(MIB / 4);
  deepEqual(told, []);
  for (spool.givenUp = 10; spool.givenUp < 15; spool.givenUp++) room.look(MIB / 4);
  room.look(MIB / 4);
  equal(notices.trouble?.message, "the spool of kafka1 holds 7471104 of 8388608 bytes; its oldest messages are given up");
  spool.roomBytes = MIB;
  room.look(MIB / 4);
  equal(notices.trouble, null);
  deepEqual(told, [
    "messages for kafka1 are dropped: the spool of kafka1 holds 7471104 of 8388608 bytes; its oldest messages are given up. All that is given up is counted, and so are new ones for which there is no room in time",
    "messages for kafka1 are kept again, after 0 s",
  ]);
});

test("a log whose oldest messages give way tells so too when a new one found no room", (context) => {
  const { told, spool, room } = setUp(context, "drop-oldest");
  spool.roomBytes = 0;
  equal(room.turnedAway(new SidestreamError("SST_SPOOL_FULL", "full"), "diku"), "spool-full");
  room.look(MIB);
  equal(told.length, 1);
  match(told[0] ?? "", /; its oldest messages are given up\. /);
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
