/**
 * A process that writes to a log until it is killed, and says what was promised to it.
 *
 * Lines: `kept ID NUMBER` once a message is on disk, `asks NUMBER` before a confirmation, `done NUMBER` once it is on
 * disk; numbers are the log's. Arguments: data folder, name of the round, seed.
 */
import { writeSync } from "node:fs";
import { join } from "node:path";
import { DestinationLog } from "../destination-log.ts";
import { disk } from "../disk.ts";
import { delivered, message } from "./fixtures.ts";
import { seededRandom } from "./memory-disk.ts";

const [folder = "", round = "", seed = "1"] = process.argv.slice(2);
const random = seededRandom(Number(seed));
const say = (line: string): void => void writeSync(1, `${line}\n`);

const log = await DestinationLog.open({
  disk,
  folder: join(folder, "spool", "out"),
  destination: "out",
  bytesMax: 64 * 1024 * 1024,
  topicsMax: 10,
  onFinding: ({ kind }) => say(`found ${kind}`),
});

async function write(): Promise<void> {
  for (let batch = 0; ; batch++) {
    const sent: [string, number][] = [];
    for (let left = random(5); left >= 0; left--) {
      const id = `${round}-${batch}-${left}`;
      const value = Buffer.alloc(random(4) === 0 ? random(60_000) : random(300), id);
      sent.push([id, log.append(message(id, { topic: `topic-${random(3)}`, value }), true)]);
    }
    await log.flush();
    for (const [id, number] of sent) say(`kept ${id} ${number}`);
  }
}

async function confirm(): Promise<void> {
  const never = new AbortController().signal;
  let next = log.confirmedSequence;
  for (;;) {
    await log.waitBeyond(next, never);
    const { messages, nextSequence } = await log.read(next, 256 * 1024);
    next = nextSequence;
    const chosen = messages.filter(() => random(20) > 0);
    for (const { logSequence } of chosen) say(`asks ${logSequence}`);
    await log.confirm(chosen.map(delivered));
    for (const { logSequence } of chosen) say(`done ${logSequence}`);
  }
}

await Promise.all([write(), confirm()]);
