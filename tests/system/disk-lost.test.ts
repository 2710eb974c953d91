/** The disk with the data folder is gone, and the program is started on an empty one. */
import { deepEqual, equal, notEqual } from "node:assert/strict";
import { rmSync } from "node:fs";
import { test } from "node:test";
import { guarantee } from "../guarantees.ts";
import { readMessages } from "./support/messages.ts";
import { command, freePort, start, statusWhen, stop } from "./support/program.ts";
import { makeSite, post } from "./support/site.ts";

const BEFORE = 10;
const AFTER = 5;

guarantee({
  failure: "disk-lost",
  delivery: ["at-least-once"],
  test: "with the data folder lost, what waited is lost, what was delivered stays, and a new log is begun that says so in each message",
  lost: "all that waited, dead letters too. The last numbers of the old log are missing at the destination, and nothing there tells how many",
  doubled: "nothing: what was delivered isn't sent again",
  todo: "start on an empty folder: it goes on. `sidestream verify` shows the old log's messages up to where they end. Where that must not happen, keep the data folder on mirrored disks",
});

test(
  "with the data folder lost, what waited is lost, what was delivered stays, and a new log is begun that says so in each message",
  { timeout: 120_000 },
  async (t) => {
    const away = await freePort();
    const site = await makeSite(t, {
      destination: `rotateSeconds: 0 }\n  away: { type: kafka, brokers: [ "127.0.0.1:${away}" ]`,
      rules: ["METHOD=POST , publish , out:things", "METHOD=POST , publish , away:things"],
    });
    const first = await start(t, ["--config", site.configuration]);
    for (let number = 0; number < BEFORE; number += 1) equal((await post(`${first.address("front")}/things`, { number }))?.status, 201);
    statusWhen(site.data, ({ totals }) => totals.delivered === BEFORE && totals.pending === BEFORE);
    first.process.kill("SIGKILL");
    await first.ended;
    rmSync(site.data, { recursive: true });

    const second = await start(t, ["--config", site.configuration]);
    for (let number = 0; number < AFTER; number += 1) equal((await post(`${second.address("front")}/things`, { number }))?.status, 201);
    const { totals, breaches } = statusWhen(site.data, ({ totals }) => totals.delivered === AFTER);
    deepEqual([totals.pending, breaches], [AFTER, []]);
    await stop(second);
    const logs = readMessages(site.events).map(({ sidestreamlog, sequence }) => [sidestreamlog, Number(sequence)] as const);
    const [old] = logs[0] ?? [];
    const [fresh] = logs.at(-1) ?? [];
    notEqual(old, fresh);
    deepEqual(logs, [
      ...Array.from({ length: BEFORE }, (_, index) => [old, index + 1]),
      ...Array.from({ length: AFTER }, (_, index) => [fresh, index + 1]),
    ]);
    const { status, stdout } = command(["verify", `file:${site.events}/things`, "--data", site.data]);
    equal(status, 0, stdout);
  },
);
