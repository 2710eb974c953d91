/** A real process is killed while it opens, writes, rolls, sends, confirms and frees; what it was promised must hold. */
import { equal, ok } from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import { temporaryFolder } from "./testing/fixtures.ts";
import { seededRandom, type Random } from "./testing/memory-disk.ts";
import { withoutDecoder } from "./testing/spool-decoder.ts";
import { WriterPromises } from "./testing/writer-promises.ts";
import { runWriter } from "./testing/writer-run.ts";
import { LANES, type WriterOptions } from "./testing/writer-settings.ts";

const KIB = 1024;
const KILLS = 10;
const DROPPING_FROM = 7;
const LINES_MAX = 1200;

/** A log with all the room it needs, and one that a stuck lane fills; in the end one that gives up its oldest messages. */
function optionsOf(kill: number, random: Random): WriterOptions {
  const stuck = LANES[random(LANES.length)] ?? "";
  if (kill >= DROPPING_FROM) return { bytesMax: 384 * KIB, segmentBytesMax: 32 * KIB, whenFull: "drop-oldest", tenantShare: 0.5, stuck };
  if (kill % 2 === 1) return { bytesMax: 1024 * KIB, segmentBytesMax: 128 * KIB, parkBytes: 256 * KIB, stuck };
  return { segmentBytesMax: 256 * KIB };
}

test("a process that is killed at any moment loses nothing that was kept and repeats nothing that was done", async (t) => {
  const folder = temporaryFolder(t);
  const seed = Number(process.env["SEED"] ?? randomInt(1, 1_000_000));
  t.diagnostic(`seed ${seed}`);
  if (withoutDecoder !== null) t.diagnostic(`${withoutDecoder}: the decoder doesn't read along`);
  const random = seededRandom(seed);
  const promises = new WriterPromises();
  for (let kill = 0; kill < KILLS; kill++) {
    const options = optionsOf(kill, random);
    promises.mayDrop ||= options.whenFull === "drop-oldest";
    // The first line comes before the log is opened: then it dies while it recovers.
    const killAt = random(5) === 0 ? 1 : 1 + random(LINES_MAX);
    const { lines, signal, errors } = await runWriter(t, {
      folder,
      round: `r${kill}`,
      seed: random(1_000_000),
      options,
      onLine: (_, count) => count >= killAt,
    });
    equal(signal, "SIGKILL", errors);
    try {
      promises.hear(lines);
      await promises.check(folder);
    } catch (error) {
      throw new Error(`seed ${seed}, kill ${kill} at line ${killAt} of ${JSON.stringify(options)}`, { cause: error });
    }
  }
  await promises.drain(folder);
  t.diagnostic(`${promises.kept.size} kept, ${promises.done.size} done, ${promises.droppedCount} dropped`);
  ok(promises.kept.size > 100 && promises.done.size > 50, `${promises.kept.size} kept, ${promises.done.size} done`);
});
