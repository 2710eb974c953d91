/** A log that has stopped: everywhere that somebody looks it is said what happened, what it means and what to do. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { DurableSite } from "./support/durable-site.ts";
import { makeFaultyDisk } from "./support/faulty-disk.ts";
import { command, temporaryFolder } from "./support/program.ts";

const TOLD = /SST_SPOOL_IO: .*EIO.* The log has stopped\. What it holds is still sent, .* Mend the disk .*, then restart Sidestream/;

async function ready(
  site: DurableSite,
): Promise<{ readonly status: number; readonly reasons: readonly string[]; readonly health: string }> {
  const health = (await site.program.logged("health checks and metrics")).address ?? "";
  const answer = await fetch(`${health}/ready`);
  const { reasons } = (await answer.json()) as { readonly reasons: readonly string[] };
  return { status: answer.status, reasons, health };
}

test(
  "a log that stopped is told by /ready, status, a metric and one line of the log, each with what to do; /live stays, and a restart mends it",
  { timeout: 120_000 },
  async (t) => {
    const data = join(temporaryFolder(t), "data");
    const faulty = makeFaultyDisk(t, data);
    const site = await DurableSite.start(t, { data, down: true, environment: faulty.environment });
    await site.send(3);
    equal((await ready(site)).status, 200);
    faulty.plan("sync:/spool/out EIO 1 on");
    ok(!(await site.send(4)).includes(true));

    const { status, reasons, health } = await ready(site);
    equal(status, 503);
    equal(reasons.length, 1);
    match(reasons[0] ?? "", /^out: /);
    match(reasons[0] ?? "", TOLD);
    equal((await fetch(`${health}/live`)).status, 200);
    match(await (await fetch(`${health}/metrics`)).text(), /^sidestream_spool_stopped\{destination="out"\} 1$/m);
    const printed = command(["status", "--data", data]);
    equal(printed.status, 1);
    match(printed.stdout, /^out +STOPPED .*takes nothing more in, see below$/m);
    match(printed.stdout, new RegExp(`^out: STOPPED: ${TOLD.source}`, "m"));
    match((await site.program.logged("can't be kept")).msg, TOLD);
    const lines = site.program.errors().split("\n");
    equal(lines.filter((line) => line.includes("can't be kept")).length, 1);

    faulty.plan();
    await site.kill();
    site.destinationIsBack();
    await site.startAgain();
    deepEqual(await site.send(2), [true, true]);
    equal((await ready(site)).status, 200);
    await site.expectDelivered(0);
  },
);
