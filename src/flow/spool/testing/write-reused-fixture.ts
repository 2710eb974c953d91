/**
 * Writes the other small spool that is kept for each release: `node src/flow/spool/testing/write-reused-fixture.ts FOLDER`.
 *
 * It has two logs as a kill leaves them. One is in the midst of compaction: segments that were rewritten, one that is
 * about to be, one that was left with copies in it after a sync that failed, a file in its second use, control records.
 * The other has a file that waits for its second use, and a cursor of which one slot was never written. `expected.json`
 * tells of each what must be read from it.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { COMPACTING_FILE } from "../compaction.ts";
import { FixtureLog, LANE } from "./fixture-log.ts";
import { FIXTURE_DESTINATION } from "./write-fixture.ts";

const QUIET_DESTINATION = "quiet1";

async function writeCompacted(data: string): Promise<unknown> {
  const fixture = await FixtureLog.open(FIXTURE_DESTINATION);
  const { log, disk, stuck } = fixture;
  await log.memory.set("cluster", { id: "größe", topics: ["темы"] });
  await log.memory.set("forgotten", 1);
  for (let round = 1; round <= 6; round++) {
    await fixture.append(round);
    if (round % 2 === 0) stuck.add(log.durableSequence - 1);
    await fixture.confirm();
  }
  await log.memory.set("forgotten", null);
  for (const number of stuck) await log.skip(LANE, number, "SST_DESTINATION_REFUSED");
  const failures = ["sync", "truncate"];
  let [isAtEnd, kept]: [boolean, unknown] = [false, null];
  disk.fail = (operation, path) => {
    if (operation === "rename" && basename(path) === COMPACTING_FILE && isAtEnd) kept ??= fixture.keep(data);
    if (operation !== failures[0] || !path.endsWith(".segment")) return null;
    failures.shift();
    return "EIO";
  };
  // What the sync was for is written again to another segment; the one that is left is not cut, either.
  await fixture.append(7);
  // The lane of the oldest gets on: its segment goes, and the next one is written over it.
  const [oldest = 0] = stuck;
  stuck.delete(oldest);
  await fixture.confirm(oldest + 1);
  await fixture.append(8, 1);
  isAtEnd = true;
  await fixture.confirm();
  await log.close();
  assert(kept !== null, "something was compacted at the end");
  return kept;
}

async function writeQuiet(data: string): Promise<unknown> {
  const fixture = await FixtureLog.open(QUIET_DESTINATION);
  await fixture.append(1);
  await fixture.append(2, 2);
  await fixture.confirm(fixture.log.durableSequence - 1);
  const kept = fixture.keep(data);
  await fixture.log.close();
  return kept;
}

async function write(folder: string): Promise<void> {
  const data = join(folder, "data");
  const expected = { [FIXTURE_DESTINATION]: await writeCompacted(data), [QUIET_DESTINATION]: await writeQuiet(data) };
  writeFileSync(join(folder, "expected.json"), `${JSON.stringify(expected, null, 1)}\n`);
}

if (import.meta.main) await write(process.argv[2] ?? "");
