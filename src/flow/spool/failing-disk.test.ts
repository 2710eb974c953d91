/** One history that rolls, confirms and frees segments, with every single operation of the disk failing in turn. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { DestinationLog } from "./destination-log.ts";
import { isProblem, type SpoolFinding } from "./findings.ts";
import { delivered, FailingDisk, message, readAll } from "./testing/fixtures.ts";
import { ControlModel } from "./testing/control-model.ts";
import { MemoryDisk, seededRandom } from "./testing/memory-disk.ts";

const FOLDER = "/data/spool/out";
const STREAM = "users-audit";

interface Failure {
  readonly at: number;
  /** Only this operation fails, or every one from here on. */
  readonly lasts: boolean;
  readonly code: "EIO" | "ENOSPC";
  readonly writtenShare: number;
}

interface Told {
  /** What the log's callers were told of each message. */
  readonly kept: Set<string>;
  readonly refused: Set<string>;
  readonly confirmed: Set<string>;
  readonly control: ControlModel;
  operations: number;
}

async function open(disk: FailingDisk | MemoryDisk, findings: SpoolFinding[]): Promise<DestinationLog> {
  return DestinationLog.open({
    disk,
    folder: FOLDER,
    destination: "out",
    bytesMax: 16 * 1024 * 1024,
    topicsMax: 10,
    numbered: true,
    onFinding: (finding) => findings.push(finding),
  });
}

/** Appends twelve messages over several segments, keeps values between them, confirms most of them on the way. */
async function run(disk: MemoryDisk, failure: Failure): Promise<Told> {
  const failing = new FailingDisk(disk);
  const told: Told = { kept: new Set(), refused: new Set(), confirmed: new Set(), control: new ControlModel(), operations: 0 };
  const log = await open(failing, []);
  failing.writtenShare = failure.writtenShare;
  failing.fail = () => {
    told.operations += 1;
    const fails = failure.lasts ? told.operations >= failure.at : told.operations === failure.at;
    return fails ? failure.code : null;
  };
  for (let index = 0; index < 12; index++) {
    const id = `m${index}`;
    try {
      log.append(message(id, { topic: `topic-${index % 2}`, value: Buffer.alloc(120_000, id) }), true);
      await log.flush();
      told.kept.add(id);
    } catch {
      // A stopped log can't promise that what was on its way is not on the disk.
      if (log.refusing === null) told.refused.add(id);
    }
    if (index % 4 === 1) await told.control.set(log, `name-${index % 8}`, { index });
    if (index % 3 !== 2) continue;
    const messages = await readAll(log).catch(() => []);
    const chosen = messages.slice(0, -1);
    const isSaved = await log.confirm(chosen.map(delivered)).then(
      () => true,
      () => false,
    );
    for (const { eventId } of isSaved ? chosen : []) told.confirmed.add(eventId.slice("event-".length));
  }
  await log.close().catch(() => undefined);
  return told;
}

async function check(disk: MemoryDisk, told: Told): Promise<void> {
  const findings: SpoolFinding[] = [];
  const log = await open(disk, findings);
  deepEqual(findings.filter(isProblem), []);
  const read = await readAll(log);
  const ids = read.map(({ eventId }) => eventId.slice("event-".length));
  equal(new Set(ids).size, ids.length);
  deepEqual(
    ids,
    ids.toSorted((a, b) => Number(a.slice(1)) - Number(b.slice(1))),
  );
  for (const id of told.kept)
    if (!told.confirmed.has(id))
      ok(ids.includes(id) || log.status().outcomes[STREAM] !== undefined, `${id} is there, or its confirmation got through`);
  for (const id of told.confirmed) ok(!ids.includes(id), `${id} was confirmed`);
  for (const id of told.refused) ok(!ids.includes(id), `${id} was refused`);
  told.control.check(log, () => false);
  const { accepted, outcomes, pending } = log.status();
  const left = outcomes[STREAM]?.["diku"]?.delivered ?? 0;
  equal(accepted[STREAM]?.["diku"] ?? 0, left + (pending[STREAM]?.["diku"] ?? 0));
  equal(pending[STREAM]?.["diku"] ?? 0, read.length);
  ok(left + read.length >= told.kept.size, "nothing that was kept is lost");
  for (const topic of ["topic-0", "topic-1"]) {
    const numbers = read.filter((each) => each.topic === topic).map(({ sequence }) => sequence);
    deepEqual(
      numbers,
      numbers.map((_, index) => log.nextNumber(STREAM, topic) - numbers.length + index),
      "numbers run up to the next one without a gap, out of order confirmations aside",
    );
  }
  log.append(message("after"), true);
  await log.flush();
  equal((await readAll(log)).at(-1)?.eventId, "event-after");
  await log.close();
  equal(disk.openFiles, 0);
}

for (const code of ["EIO", "ENOSPC"] as const) {
  for (const lasts of [false, true]) {
    for (const crash of ["none", "power"] as const) {
      const what = `${code}, ${lasts ? "from then on" : "once"}, ${crash === "power" ? "then the power is lost" : "then a new start"}`;
      test(`a disk that fails at any one operation costs nothing that was acknowledged (${what})`, async () => {
        const { operations } = await run(new MemoryDisk(seededRandom(1)), { at: Infinity, lasts, code, writtenShare: 0 });
        ok(operations > 50, `${operations} operations`);
        for (let at = 1; at <= operations; at++) {
          const disk = new MemoryDisk(seededRandom(at));
          const told = await run(disk, { at, lasts, code, writtenShare: (at % 4) / 4 });
          if (crash === "power") disk.losePower();
          await check(disk, told).catch((error: unknown) => {
            throw new Error(`operation ${at} of ${operations}`, { cause: error });
          });
        }
      });
    }
  }
}
