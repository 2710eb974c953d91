import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { createLog } from "../observe/log.ts";
import { TenantShares, type SharedLog } from "./tenant-shares.ts";

const MIB = 2 ** 20;

/** A log whose tenants over their share are those in `held`, with what they hold. */
class FakeLog implements SharedLog {
  roomBytes = 5 * MIB;
  readonly held = new Map<string, number>();

  roomFor(tenant: string): number {
    return this.held.has(tenant) ? 0 : this.roomBytes;
  }

  heldBytes(tenant: string): number {
    return this.held.get(tenant) ?? 0;
  }
}

function setUp(context: TestContext) {
  context.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const told: { readonly level: string; readonly msg: string; readonly code?: string; readonly tenants?: readonly string[] }[] = [];
  const log = createLog({ level: "info", name: "test", write: (line) => told.push(JSON.parse(line) as (typeof told)[number]) });
  const spool = new FakeLog();
  const shares = new TenantShares("kafka1", spool, 2 * MIB, log);
  const meet = (tenant: string, bytes = 3 * MIB) => {
    spool.held.set(tenant, bytes);
    shares.met(tenant);
  };
  return { told, spool, shares, meet, later: (ms: number) => context.mock.timers.setTime(Date.now() + ms) };
}

test("a tenant that meets its share is told of once, with what it holds and its share, and once when it is over", (context) => {
  const { told, spool, shares, meet, later } = setUp(context);
  for (let count = 0; count < 1_000; count++) meet("diku");
  shares.look();
  equal(told.length, 1);
  equal(told[0]?.level, "warn");
  equal(told[0]?.code, "SST_TENANT_SHARE");
  deepEqual(told[0]?.tenants, ["diku"]);
  match(told[0]?.msg ?? "", /^over their share of 2\.0 MiB in the spool of kafka1: diku \(3\.0 MiB\)\. /);
  equal(shares.count, 1);
  deepEqual(shares.list(), [{ tenant: "diku", bytes: 3 * MIB, sinceMs: 1_000_000 }]);
  later(7_000);
  spool.held.clear();
  shares.look();
  shares.look();
  equal(shares.count, 0);
  deepEqual(
    told.slice(1).map(({ level, msg }) => [level, msg]),
    [["info", "no tenant is over its share in the spool of kafka1 any more, after 7 s"]],
  );
});

test("tenants that come and go many times a minute are named once a minute each, those that are new in a line each ten seconds", (context) => {
  const { told, spool, shares, meet, later } = setUp(context);
  for (let count = 0; count < 599; count++) {
    meet(`tenant${count % 7}`);
    later(100);
    spool.held.clear();
    shares.look();
  }
  const named = told.flatMap(({ tenants = [] }) => tenants);
  deepEqual(named.toSorted(), ["tenant0", "tenant1", "tenant2", "tenant3", "tenant4", "tenant5", "tenant6"]);
  deepEqual(
    told.map(({ level }) => level),
    ["warn", "info", "warn", "info"],
  );
  later(60_000);
  meet("tenant0");
  deepEqual(told.at(-1)?.tenants?.includes("tenant0"), true);
});

test("each tenant that is held back is named once: the first at once, those that follow together, also one that is gone by then", (context) => {
  const { told, spool, shares, meet, later } = setUp(context);
  meet("diku");
  meet("college");
  meet("gone");
  spool.held.delete("gone");
  later(9_000);
  shares.look();
  equal(told.length, 1);
  later(1_000);
  for (let looks = 0; looks < 100; looks++) {
    shares.look();
    later(1_000);
  }
  deepEqual(
    told.map(({ tenants }) => tenants),
    [["diku"], ["college", "gone"]],
  );
});

test("one that is held back again within a minute of its line is named a minute after that, if it still is", (context) => {
  const { told, spool, shares, meet, later } = setUp(context);
  meet("diku");
  spool.held.clear();
  shares.look();
  later(30_000);
  meet("diku");
  shares.look();
  equal(told.length, 2);
  later(30_000);
  shares.look();
  deepEqual(
    told.map(({ tenants }) => tenants),
    [["diku"], undefined, ["diku"]],
  );
});

test("those with the most are named first, all of them in the log and ten in the status", (context) => {
  const { told, shares, meet, later } = setUp(context);
  for (let count = 0; count < 20; count++) meet(`tenant${count}`, count * MIB);
  later(10_000);
  shares.look();
  deepEqual(told[1]?.tenants?.slice(0, 3), ["tenant19", "tenant18", "tenant17"]);
  equal(told[1]?.tenants?.length, 19);
  equal(shares.count, 20);
  equal(shares.list().length, 10);
});

test("a line names a hundred tenants, and counts what comes beyond", (context) => {
  const { told, spool, shares, meet, later } = setUp(context);
  meet("first");
  for (let count = 0; count < 150; count++) {
    meet(`tenant${count}`);
    spool.held.clear();
    shares.look();
  }
  later(10_000);
  shares.look();
  const line = told.findLast(({ level }) => level === "warn");
  equal(line?.tenants?.length, 100);
  match(line.msg, / and 50 more\. /);
});

test("a log without room for anybody lets go of no tenant", (context) => {
  const { told, spool, shares, meet } = setUp(context);
  meet("diku");
  spool.roomBytes = 0;
  spool.held.clear();
  shares.look();
  equal(shares.count, 1);
  spool.roomBytes = MIB;
  shares.look();
  equal(shares.count, 0);
  equal(told.length, 2);
});

test("names of tenants without end take no memory without end", (context) => {
  const { shares, meet } = setUp(context);
  for (let count = 0; count < 10_000; count++) meet(`tenant${count}`);
  ok(shares.count <= 100, String(shares.count));
});
