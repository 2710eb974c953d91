/** The disk fills to the last byte; nothing that was answered is lost; traffic goes on as the route's policy says. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { readMessages, type TransactionData } from "./support/messages.ts";
import { start, statusWhen, stop, temporaryFolder } from "./support/program.ts";
import { makeSite, post } from "./support/site.ts";
import { badDiskLibrary, fillDisk, mountSmallDisk } from "./support/small-disk.ts";
import { guarantee } from "../guarantees.ts";

guarantee({
  failure: "disk-full",
  capture: ["durable"],
  test: "… refuses durable requests, fails neither /live nor /ready, and traffic goes on once there is room",
  lost: "nothing that was answered: with `whenNoRoom: refuse` requests are answered 503, with `pass` they go through and are counted as lost",
  todo: "make room; it goes on by itself",
});

interface FullDisk {
  readonly data: string;
  readonly environment: Record<string, string>;
  readonly fill: () => void;
  readonly makeRoom: () => void;
}

/** A real one: a few MiB of memory, filled to the last byte. */
function smallDisk(t: TestContext): FullDisk | null {
  const disk = mountSmallDisk(t, 4 * 1024 * 1024);
  if (disk === null) return null;
  const ballast = join(disk, "ballast");
  return { data: join(disk, "data"), environment: {}, fill: () => fillDisk(ballast), makeRoom: () => rmSync(ballast) };
}

/** One that says so: every write is refused as the system would. */
function refusingDisk(t: TestContext): FullDisk {
  const folder = temporaryFolder(t);
  const flag = join(folder, "full");
  const data = join(folder, "data");
  const environment = { LD_PRELOAD: badDiskLibrary(folder), FULL_DISK_FOLDER: data, FULL_DISK_FLAG: flag };
  return { data, environment, fill: () => writeFileSync(flag, ""), makeRoom: () => rmSync(flag) };
}

for (const [name, make] of [
  ["a disk that is full to the last byte", smallDisk],
  ["a disk that refuses every write", refusingDisk],
] as const) {
  test(
    `${name} refuses durable requests, fails neither /live nor /ready, and traffic goes on once there is room`,
    { timeout: 120_000 },
    async (t) => {
      const disk = make(t);
      if (disk !== null) await throughFullDisk(t, disk);
    },
  );
}

async function throughFullDisk(t: TestContext, { data, environment, fill: fillUp, makeRoom }: FullDisk): Promise<void> {
  const site = await makeSite(t, {
    data,
    source: ["capture: durable", "whenNoRoom: refuse", "onCaptureFailure: abort", "reserveWaitMs: 50"],
  });
  const program = await start(t, ["--config", site.configuration], { env: environment });
  const url = `${program.address("front")}/things`;
  const health = (await program.logged("health checks and metrics")).address ?? "";
  const answered: number[] = [];
  const send = async (from: number, to: number, padding = ""): Promise<number> => {
    let taken = 0;
    for (let number = from; number <= to; number++) {
      if ((await post(url, { number, padding }))?.status !== 201) continue;
      answered.push(number);
      taken += 1;
    }
    return taken;
  };
  equal(await send(1, 20), 20);
  fillUp();
  ok((await send(21, 60, "x".repeat(4000))) < 40, "the disk became full");
  equal((await program.logged("can't be kept")).level, "error");
  equal((await fetch(`${health}/live`)).status, 200);
  equal((await fetch(`${health}/ready`)).status, 200);
  makeRoom();
  ok((await send(61, 80)) > 0, "requests are taken again");
  await program.logged("are kept again");
  const status = statusWhen(site.data, ({ totals }) => totals.pending === 0);
  deepEqual(status.breaches, []);
  await stop(program);
  const kept = new Set(
    readMessages(site.events).map(({ data: content }) => ((content as TransactionData).request.body as { number: number }).number),
  );
  deepEqual(
    answered.filter((number) => !kept.has(number)),
    [],
  );
}
