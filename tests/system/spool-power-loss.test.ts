/**
 * The power is lost under a process that writes: what it was promised must be on the disk. Once with a real file system
 * whose disk is taken away, once with a library that takes back what was not synced, at any operation.
 *
 * A disk that lies is the test of the test: it must be caught.
 */
import { equal, ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { seededRandom, type Random } from "../../src/flow/spool/testing/memory-disk.ts";
import { WriterPromises } from "../../src/flow/spool/testing/writer-promises.ts";
import { runWriter } from "../../src/flow/spool/testing/writer-run.ts";
import { LANES, type WriterOptions } from "../../src/flow/spool/testing/writer-settings.ts";
import { makeFaultyDisk } from "./support/faulty-disk.ts";
import { mountExt4 } from "./support/mounted-disk.ts";
import { temporaryFolder } from "./support/program.ts";

const KIB = 1024;
const LOSSES = 5;
const LINES_MAX = 700;
const DEATHS = 6;
const OPERATIONS_MAX = 500;

function seedOf(t: TestContext): number {
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 1_000_000));
  t.diagnostic(`seed ${seed}`);
  return seed;
}

/** Small segments, so that much is rolled and freed; now and then a lane that holds the log's start. */
function optionsOf(random: Random, mayDrop: boolean): WriterOptions {
  const options = { segmentBytesMax: 64 * KIB, valueBytesMax: 20_000 };
  const stuck = LANES[random(LANES.length)] ?? "";
  if (mayDrop) return { ...options, bytesMax: 384 * KIB, segmentBytesMax: 32 * KIB, whenFull: "drop-oldest", stuck };
  return random(2) === 0 ? options : { ...options, bytesMax: 512 * KIB, parkBytes: 128 * KIB, stuck };
}

/** A process that hears of success while the disk is taken away was told so by nobody: a sync that runs then may end in any way. */
function isBegun(line: string): boolean {
  return /^(asks|sets|skips|buries|found|fails) /.test(line);
}

test("what was promised is there after the power was lost under an ext4", { timeout: 120_000 }, async (t) => {
  const seed = seedOf(t);
  const disk = mountExt4(t, 24 * KIB * KIB);
  if (disk === null) return;
  const random = seededRandom(seed);
  const data = join(disk.path, "data");
  const promises = new WriterPromises();
  for (let loss = 0; loss < LOSSES; loss++) {
    promises.mayDrop = loss >= LOSSES - 2;
    const lostAt = random(5) === 0 ? 1 : 1 + random(LINES_MAX);
    const { lines, signal, errors } = await runWriter(t, {
      folder: data,
      round: `r${loss}`,
      seed: random(1_000_000),
      options: optionsOf(random, promises.mayDrop),
      onLine: (_, count) => {
        if (count === lostAt) disk.losePower();
        return count >= lostAt;
      },
    });
    // Without a disk it may have ended before it was killed.
    ok(signal === "SIGKILL" || lines.length >= lostAt, errors);
    disk.mountAgain();
    try {
      promises.hear([...lines.slice(0, lostAt), ...lines.slice(lostAt).filter(isBegun)]);
      await promises.check(data);
    } catch (error) {
      throw new Error(`seed ${seed}, loss ${loss} at line ${lostAt}`, { cause: error });
    }
  }
  await promises.drain(data);
  t.diagnostic(`${promises.kept.size} kept, ${promises.done.size} done, ${promises.droppedCount} dropped`);
  ok(promises.kept.size > 50, `${promises.kept.size} kept`);
});

test(
  "what was promised is there after the power was lost at any operation, with any of the sectors on their way",
  { timeout: 120_000 },
  async (t) => {
    const seed = seedOf(t);
    const random = seededRandom(seed);
    const data = join(temporaryFolder(t), "data");
    const promises = new WriterPromises();
    for (let death = 0; death < DEATHS; death++) {
      promises.mayDrop = death >= DEATHS - 2;
      const faulty = makeFaultyDisk(t, data, random(1_000_000));
      // From the first one on: the first opens the log.
      const rule = `any die ${1 + random(random(4) === 0 ? 30 : OPERATIONS_MAX)}`;
      faulty.plan(rule);
      const { lines, signal, errors } = await runWriter(t, {
        folder: data,
        round: `r${death}`,
        seed: random(1_000_000),
        options: { ...optionsOf(random, promises.mayDrop), batches: 2000 },
        environment: faulty.environment,
      });
      equal(signal, "SIGKILL", errors);
      try {
        promises.hear(lines);
        await promises.check(data);
      } catch (error) {
        throw new Error(`seed ${seed}, death ${death}: ${rule}`, { cause: error });
      }
    }
    await promises.drain(data);
    t.diagnostic(`${promises.kept.size} kept, ${promises.done.size} done, ${promises.droppedCount} dropped`);
    ok(promises.kept.size > 50, `${promises.kept.size} kept`);
  },
);

test("a disk that says it is done and isn't is caught", { timeout: 60_000 }, async (t) => {
  const data = join(temporaryFolder(t), "data");
  const faulty = makeFaultyDisk(t, data, 7);
  faulty.plan("sync lie 1 on", "any die 400");
  const { lines, signal } = await runWriter(t, { folder: data, round: "r", seed: 7, environment: faulty.environment });
  equal(signal, "SIGKILL");
  const promises = new WriterPromises();
  promises.hear(lines);
  ok(promises.kept.size > 10);
  await rejects(promises.check(data));
});

test("folders whose names are not made to last are caught", { timeout: 60_000 }, async (t) => {
  // Names are lost from some point on: which one, chance says. Of some deaths one at least must show it.
  let caught = 0;
  for (let seed = 1; seed <= 4; seed++) {
    const data = join(temporaryFolder(t), "data");
    const faulty = makeFaultyDisk(t, data, seed);
    faulty.plan("syncfolder lie 1 on", "any die 300");
    const { lines, signal } = await runWriter(t, {
      folder: data,
      round: "r",
      seed,
      options: { segmentBytesMax: 64 * KIB },
      environment: faulty.environment,
    });
    equal(signal, "SIGKILL");
    const promises = new WriterPromises();
    promises.hear(lines);
    caught += await promises.check(data).then(
      () => 0,
      () => 1,
    );
  }
  ok(caught > 0);
});
