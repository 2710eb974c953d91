import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { createLog } from "../observe/log.ts";
import { RecoveryNotices } from "./recovery-notices.ts";

const GIB = 1024 ** 3;

test("a recovery is told after two seconds, then every five, and each log begins anew", () => {
  const told: string[] = [];
  const log = createLog({ level: "info", name: "test", write: (line) => told.push((JSON.parse(line) as { msg: string }).msg) });
  let nowMs = 1_000;
  const notices = new RecoveryNotices(log, () => nowMs);
  for (let second = 0; second <= 8; second++) {
    notices.read("kafka1", { bytesRead: second * GIB, bytesTotal: 10 * GIB });
    nowMs += 1_000;
  }
  deepEqual(told, ["recovering kafka1: 2.0 of 10.0 GiB read", "recovering kafka1: 7.0 of 10.0 GiB read"]);
  notices.read("rabbit-eu", { bytesRead: 0, bytesTotal: GIB });
  nowMs += 1_999;
  notices.read("rabbit-eu", { bytesRead: GIB / 2, bytesTotal: GIB });
  deepEqual(told.length, 2);
  nowMs += 1;
  notices.read("rabbit-eu", { bytesRead: GIB / 2, bytesTotal: GIB });
  deepEqual(told.slice(2), ["recovering rabbit-eu: 0.5 of 1.0 GiB read"]);
});
