import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { SidestreamError } from "../errors.ts";
import { createLog } from "../observe/log.ts";
import { OutletNotices } from "./outlet-notices.ts";

function notices(): {
  readonly told: { readonly level: string; readonly msg: string; readonly code?: string; readonly hint?: string }[];
  readonly notices: OutletNotices;
} {
  const told: ReturnType<typeof notices>["told"] = [];
  const log = createLog({ level: "info", name: "test", write: (line) => told.push(JSON.parse(line) as (typeof told)[number]) });
  return { told, notices: new OutletNotices("kafka1", log) };
}

const full = () => new SidestreamError("SST_SPOOL_FULL", "the spool of kafka1 holds 10 of 10 bytes");

test("trouble with the spool is told once when it begins and once when it ends", () => {
  const { told, notices: about } = notices();
  about.spoolFailed(full());
  about.spoolFailed(full());
  equal(about.trouble?.code, "SST_SPOOL_FULL");
  about.spoolWorks();
  about.spoolWorks();
  equal(about.trouble, null);
  deepEqual(
    told.map(({ level }) => level),
    ["error", "info"],
  );
  equal(told[0]?.code, "SST_SPOOL_FULL");
  equal(told[0]?.hint, full().hint);
});

test("a log that fills and empties in turn is told of once a minute", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const { told, notices: about } = notices();
  const fillAndEmpty = () => {
    about.spoolFailed(full());
    about.spoolWorks();
  };
  for (let count = 0; count < 5; count++) fillAndEmpty();
  equal(told.length, 2);
  t.mock.timers.setTime(1_000_000 + 61_000);
  fillAndEmpty();
  equal(told.length, 4);
});

test("trouble that begins anew within a minute of its line, and goes on, is told after that minute", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const { told, notices: about } = notices();
  about.spoolFailed(full());
  about.spoolWorks();
  for (let second = 1; second < 60; second++) {
    t.mock.timers.setTime(1_000_000 + second * 1_000);
    about.spoolFailed(full());
  }
  equal(told.length, 2);
  equal(about.trouble?.sinceMs, 1_001_000);
  t.mock.timers.setTime(1_060_000);
  about.spoolFailed(full());
  about.spoolFailed(full());
  about.spoolWorks();
  deepEqual(
    told.map(({ level }) => level),
    ["error", "info", "error", "info"],
  );
  equal(told[3]?.msg, "messages for kafka1 are kept again, after 59 s");
});

test("another kind of trouble is told too", () => {
  const { told, notices: about } = notices();
  about.spoolFailed(full());
  about.failed(new SidestreamError("SST_SPOOL_IO", "could not write to x: ENOSPC"));
  deepEqual(
    told.map(({ code }) => code),
    ["SST_SPOOL_FULL", "SST_SPOOL_IO"],
  );
});

test("dead letters are told at once, then counted for a minute", (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  const { told, notices: about } = notices();
  for (let count = 0; count < 5; count++) about.dead("users", "SST_TEMPLATE_VALUE", "no value for {module}");
  equal(told.length, 1);
  t.mock.timers.setTime(1_000_000 + 61_000);
  about.dead("users", "SST_TEMPLATE_VALUE", "no value for {module}");
  equal(told[1]?.msg, "5 messages are dead, set aside in the dead letters of kafka1: no value for {module}");
  equal(about.lastDeadReason, "SST_TEMPLATE_VALUE: no value for {module}");
});

test("what a driver says is logged once, and the last different things are kept", () => {
  const { told, notices: about } = notices();
  for (const text of ["a", "b", "a", "c", "d", "e", "f"]) about.driverSays(text);
  deepEqual(about.said, ["a", "c", "d", "e", "f"]);
  equal(told.length, 6);
  equal(told[0]?.msg, "a");
});

test("a destination that goes down is told with its error and what to do", () => {
  const { told, notices: about } = notices();
  about.destinationIs("down", { code: "SST_DESTINATION_UNREACHABLE", message: "no answer" });
  about.destinationIs("up", null);
  deepEqual(
    told.map(({ level, msg }) => [level, msg]),
    [
      ["warn", "kafka1 is down: no answer; its messages wait in the spool"],
      ["info", "kafka1 is up"],
    ],
  );
  equal(told[0]?.hint, "Check address, DNS and TLS.");
});
