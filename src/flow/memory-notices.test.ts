/** What an operator is told of messages that are dropped from memory. */
import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { createLog } from "../observe/log.ts";
import { MemoryNotices } from "./memory-notices.ts";

test("a drop is told at once, those after it in one line a minute later, by reason; at the stop none is", (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1_800_000_000_000 });
  const told: { readonly level: string; readonly msg: string; readonly dropped: unknown; readonly destination: string }[] = [];
  const log = createLog({ level: "info", name: "test", write: (line) => told.push(JSON.parse(line) as (typeof told)[number]) });
  const notices = new MemoryNotices("kafka1", log);
  notices.dropped("memory-full");
  for (let count = 0; count < 50; count += 1) notices.dropped("memory-full");
  notices.dropped("SST_DESTINATION_UNSURE");
  equal(told.length, 1);
  match(
    told[0]?.msg ?? "",
    /^a message for kafka1 with `delivery: at-most-once` was dropped, counted 1 as `memory-full`: there was no room in memory/,
  );
  context.mock.timers.tick(60_000);
  notices.dropped("memory-waited");
  equal(told.length, 2);
  deepEqual(told[1]?.dropped, { "memory-full": 50, SST_DESTINATION_UNSURE: 1, "memory-waited": 1 });
  match(told[1]?.msg ?? "", /^52 messages for kafka1 .* were dropped, counted 50 as `memory-full`: .*; 1 as `SST_DESTINATION_UNSURE`: /);
  notices.isStopping = true;
  context.mock.timers.tick(60_000);
  notices.dropped("stopped");
  equal(told.length, 2);
});
