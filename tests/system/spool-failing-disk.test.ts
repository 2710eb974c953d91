/**
 * A disk that fails under a process: syncs that lose what they were for, writes cut short, reads refused. What was
 * acknowledged is there; what can go on goes on; what can't says so, and still sends what it has.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { DestinationLog } from "../../src/flow/spool/destination-log.ts";
import { disk } from "../../src/flow/spool/disk.ts";
import { isProblem } from "../../src/flow/spool/findings.ts";
import { message, openLog, readAll } from "../../src/flow/spool/testing/fixtures.ts";
import { WriterPromises } from "../../src/flow/spool/testing/writer-promises.ts";
import { runWriter, type WriterEnd } from "../../src/flow/spool/testing/writer-run.ts";
import { makeFaultyDisk } from "./support/faulty-disk.ts";
import { mountThin } from "./support/mounted-disk.ts";
import { temporaryFolder } from "./support/program.ts";

const KIB = 1024;

interface Outcome extends WriterEnd {
  readonly promises: WriterPromises;
  readonly data: string;
  readonly count: (word: string) => number;
}

/** Lets a writer do its work on a disk with these faults, and holds what is there afterwards against what it was told. */
async function write(t: TestContext, ...rules: readonly string[]): Promise<Outcome> {
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 1_000_000));
  t.diagnostic(`seed ${seed}, ${rules.join(", ")}`);
  const data = join(temporaryFolder(t), "data");
  const faulty = makeFaultyDisk(t, data, seed);
  faulty.plan(...rules);
  const options = { segmentBytesMax: 64 * KIB, valueBytesMax: 20_000, batches: 60 };
  const end = await runWriter(t, { folder: data, round: "r0", seed, options, environment: faulty.environment });
  equal(end.status, 0, `seed ${seed}: ${end.errors}`);
  equal(end.lines.at(-1), "ended");
  const promises = new WriterPromises();
  promises.hear(end.lines);
  await promises.check(data);
  const count = (word: string) => end.lines.filter((line) => line.startsWith(word)).length;
  t.diagnostic(`${count("kept ")} kept, ${count("refused ")} refused, ${count("done ")} done; ${promises.troubles.join(", ")}`);
  return { ...end, promises, data, count };
}

test("writes and reads that end early change nothing", { timeout: 60_000 }, async (t) => {
  const { promises, count } = await write(t, "write short 1 on", "read short 1 on");
  deepEqual(promises.troubles, []);
  equal(count("refused "), 0);
  ok(count("kept ") > 100);
});

// The log's fdatasync: the first makes its file, the others are of batches.
for (const [name, effect] of [
  ["and what it lost can still be read", "EIO"],
  ["and what it lost is not even remembered", "EVICT"],
] as const) {
  test(`a sync that fails once, ${name}, costs nobody anything: the log goes on`, { timeout: 60_000 }, async (t) => {
    const { promises, count } = await write(t, `sync:/spool/out/0 ${effect} 7`);
    deepEqual(promises.troubles, []);
    equal(count("refused "), 0, "what was on its way is written anew");
    ok(count("kept ") > 100);
  });
}

test("syncs that fail now and then, each once, cost nobody anything", { timeout: 60_000 }, async (t) => {
  const { promises, count } = await write(t, "sync:/spool/out/0 EVICT 4", "sync:/spool/out/0 EIO 15", "sync:/spool/out/0 EVICT 40");
  deepEqual(promises.troubles, []);
  equal(count("refused "), 0);
});

for (const effect of ["EIO", "EVICT"] as const) {
  test(
    `syncs that fail from some moment on (${effect}) stop the log: nothing kept is lost, what it has is sent, a start goes on`,
    { timeout: 60_000 },
    async (t) => {
      const { promises, count, data } = await write(t, `sync:/spool/out/0 ${effect} 9 on`);
      ok(promises.troubles.includes("stopped SST_SPOOL_IO"), promises.troubles.join(", "));
      ok(count("kept ") > 0);
      // All that can be read after a new start is what the disk kept of what was refused.
      const again = await runWriter(t, { folder: data, round: "r1", seed: 1, options: { batches: 10 } });
      equal(again.status, 0, again.errors);
      promises.hear(again.lines);
      await promises.check(data);
      await promises.drain(data);
    },
  );
}

test("a disk that is full for a while refuses, takes nothing half, and goes on", { timeout: 60_000 }, async (t) => {
  const rules = [5, 6, 7, 8, 20, 21, 50].map((at) => `write:/spool/out/0 ENOSPC ${at}`);
  const { promises, count } = await write(t, "write short 4", ...rules);
  ok(count("refused ") > 0);
  ok(count("kept ") > 100);
  ok(!promises.troubles.some((trouble) => trouble.startsWith("stopped")), promises.troubles.join(", "));
});

test(
  "a cursor that can't be written for a while is written later, and nothing is confirmed by it meanwhile",
  { timeout: 60_000 },
  async (t) => {
    const rules = [
      "write:cursor-0 EIO 2",
      "write:cursor-1 ENOSPC 3",
      "sync:cursor-0 EIO 5",
      "sync:cursor-1 EVICT 8",
      "sync:cursor-1 EVICT 9",
    ];
    const { promises, count } = await write(t, ...rules);
    ok(
      promises.troubles.length > 0 && promises.troubles.every((trouble) => /^fails (confirm|maySend) SST_SPOOL_IO$/.test(trouble)),
      promises.troubles.join(", "),
    );
    equal(count("refused "), 0);
    ok(count("done ") > 100);
  },
);

test("a read that fails is tried again: nothing is taken for damaged, nothing is passed over", { timeout: 60_000 }, async (t) => {
  const { promises, count } = await write(t, "read:/spool/out/0 EIO 4", "read:/spool/out/0 EIO 5", "read:/spool/out/0 EIO 30");
  ok(
    promises.troubles.length > 0 && promises.troubles.every((trouble) => trouble === "fails read SST_SPOOL_IO"),
    promises.troubles.join(", "),
  );
  equal(count("found damage"), 0);
  ok(count("done ") > 100);
});

for (const [what, ...rules] of [
  ["made, renamed or cut", "create EIO 4", "rename EIO 2", "syncfolder EIO 6", "truncate EIO 3"],
  ["removed", "remove EIO 1", "remove EIO 2", "remove EIO 5"],
  ["made, nor what is left of it be removed", "syncfolder:/spool/out EIO 3", "remove:/spool/out EIO 1"],
] as const) {
  test(`segments that can't be ${what} for a while hold nothing up for good and are no damage`, { timeout: 60_000 }, async (t) => {
    const { promises, count, data } = await write(t, ...rules);
    ok(count("kept ") > 50, promises.troubles.join(", "));
    await promises.drain(data);
  });
}

test(
  "a thin disk that runs out of blocks, of which the system tells only when it syncs, costs nothing that was kept",
  { timeout: 60_000 },
  async (t) => {
    const thin = mountThin(t, 32 * KIB * KIB, 48 * KIB * KIB);
    if (thin === null) return;
    const folder = join(thin.path, "data/spool/out");
    const log = await DestinationLog.open({
      disk,
      folder,
      destination: "out",
      bytesMax: 1024 * KIB * KIB,
      segmentBytesMax: 256 * KIB,
      topicsMax: 10,
      onFinding: () => undefined,
    });
    const put = async (id: string): Promise<boolean> => {
      try {
        log.append(message(id, { value: Buffer.alloc(60 * KIB, id) }), true);
      } catch {
        return false;
      }
      return log.flush().then(
        () => true,
        () => false,
      );
    };
    const kept: string[] = [];
    const refused: string[] = [];
    for (let count = 0; count < 10; count++) ((await put(`a${count}`)) ? kept : refused).push(`event-a${count}`);
    equal(kept.length, 10);
    thin.runOut();
    // Some blocks that were used before may be left.
    for (let count = 0; count < 60 && refused.length < 3; count++) ((await put(`b${count}`)) ? kept : refused).push(`event-b${count}`);
    ok(refused.length > 0, "what the disk has no block for is refused");
    deepEqual(
      (await readAll(log)).map(({ eventId }) => eventId),
      kept,
      "what it has is still sent",
    );
    await log.close().catch(() => undefined);
    thin.addBlocks(48 * KIB * KIB);
    thin.mountAgain();
    const { log: again, findings } = await openLog(folder);
    deepEqual(findings.filter(isProblem), []);
    const read = (await readAll(again)).map(({ eventId }) => eventId);
    deepEqual(read.slice(0, kept.length), kept);
    ok(
      read.slice(kept.length).every((id) => refused.includes(id)),
      "at most what was refused last may come beside",
    );
    await again.close();
  },
);
