/** A log with an archive that dies between any two operations: the log has all that waits, the archive nothing twice. */
import { deepEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import { isProblem } from "./findings.ts";
import { FLAG_COMPACTED } from "./format.ts";
import { archived, history, openArchived } from "./testing/archived-log.ts";
import { ids, KIB, named, settled, type SmallLog } from "./testing/small-log.ts";

const ROUNDS = 14;
const PER_ROUND = 8;

/** Rounds of messages of which the third of each is stuck. Stops where the disk dies. */
async function run(small: SmallLog, flushed: string[]): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const name of named(`${round}-`, PER_ROUND)) {
      small.append(name, { value: Buffer.alloc(2_600, name) });
      await small.log.flush();
      flushed.push(name);
    }
    await small.confirm(({ eventId }) => !eventId.endsWith("-2"));
    for (let turn = 0; turn < 10; turn += 1) await settled();
  }
}

const settings = { parkBytes: 40 * KIB, segmentBytesMax: 48 * KIB } as const;

for (const ending of ["kill", "power"] as const) {
  test(
    `after a crash at any operation (${ending}) nothing that waits is missing, and nothing done is read twice`,
    { timeout: 300_000 },
    async () => {
      const whole = await openArchived(settings);
      const from = whole.small.memory.operations;
      await run(whole.small, []);
      const operations = whole.small.memory.operations - from;
      ok(archived(whole.small).length > 3);
      await whole.small.close();
      for (let at = 1; at < operations; at += 7) {
        const { small } = await openArchived(settings, {}, at);
        const flushed: string[] = [];
        small.memory.operationsLeft = at;
        await run(small, flushed).catch(() => undefined);
        await small.restart(ending);
        const waiting = ids(await small.waiting());
        const done = await history(small);
        const place = `operation ${at}`;
        // What was flushed waits, or was confirmed and may be in the archive; what is stuck waits in any case.
        const stuck = flushed.filter((name) => name.endsWith("-2"));
        deepEqual(waiting.filter((name) => name.endsWith("-2")).slice(0, stuck.length), stuck, place);
        // After a loss of power, names in the archive may not have been on disk yet.
        const all = new Set([...waiting, ...done, ...(ending === "power" ? flushed : [])]);
        deepEqual(
          flushed.filter((name) => !all.has(name)),
          [],
          place,
        );
        deepEqual(small.findings.filter(isProblem), [], place);
        const twice = small.files().filter((name) => archived(small).includes(name));
        ok(
          twice.every((name) => ((small.header(name)?.flags ?? 0) & FLAG_COMPACTED) !== 0),
          place,
        );
        await small.close();
      }
    },
  );
}
