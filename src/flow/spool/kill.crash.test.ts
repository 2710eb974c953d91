/** A real process is killed while it writes, rolls, confirms and frees; what it was promised must hold. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { randomInt } from "node:crypto";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { disk } from "./disk.ts";
import { isProblem } from "./findings.ts";
import { inspectSpool } from "./inspect.ts";
import { openLog, readAll, temporaryFolder } from "./testing/fixtures.ts";
import { seededRandom } from "./testing/memory-disk.ts";

const KILLS = 10;
const LINES_MAX = 900;

/** Runs the writer until it has said a number of lines, kills it there, and gives every whole line. */
async function linesOf(t: TestContext, folder: string, round: number, seed: number, lines: number): Promise<string[]> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "testing/writer-process.ts"), folder, `r${round}`, String(seed)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  const ended = once(child, "close");
  let text = "";
  let count = 0;
  child.stdout.setEncoding("latin1");
  child.stdout.on("data", (part: string) => {
    text += part;
    count += part.split("\n").length - 1;
    if (count >= lines) child.kill("SIGKILL");
  });
  const [, signal] = (await ended) as [number | null, string | null];
  equal(signal, "SIGKILL");
  return text.split("\n").slice(0, -1);
}

class Promises {
  readonly kept = new Map<number, string>();
  readonly asked = new Set<number>();
  readonly done = new Set<number>();

  hear(lines: readonly string[]): void {
    for (const line of lines) {
      const [word, first = "", second = ""] = line.split(" ");
      if (word === "kept") this.kept.set(Number(second), first);
      else if (word === "asks") this.asked.add(Number(first));
      else if (word === "done") this.done.add(Number(first));
      else equal(line, "found cut-tail");
    }
  }

  /** Those that must be readable, and those that may be: kept before or not, with a confirmation on its way. */
  async check(folder: string): Promise<void> {
    const { log, findings } = await openLog(join(folder, "spool", "out"));
    deepEqual(findings.filter(isProblem), []);
    const read = await readAll(log);
    const numbers = read.map(({ logSequence }) => logSequence);
    deepEqual(
      numbers,
      [...new Set(numbers)].toSorted((a, b) => a - b),
      "in order, none twice",
    );
    for (const [number, id] of this.kept) {
      const found = read.find(({ logSequence }) => logSequence === number);
      if (this.done.has(number)) equal(found, undefined, `${id} was confirmed`);
      else if (!this.asked.has(number)) ok(found !== undefined, `${id} was kept`);
      if (found !== undefined) equal(found.eventId, `event-${id}`);
    }
    for (const { eventId, value } of read) deepEqual(value, Buffer.alloc(value.length, eventId.slice("event-".length)));
    const { accepted, outcomes, pending } = log.status();
    const all = accepted["users-audit"]?.["diku"] ?? 0;
    equal(all, (outcomes["users-audit"]?.["diku"]?.delivered ?? 0) + (pending["users-audit"]?.["diku"] ?? 0));
    equal(pending["users-audit"]?.["diku"] ?? 0, read.length);
    ok(all >= this.kept.size);
    const perTopic = [0, 1, 2].map((topic) => log.nextNumber("users-audit", `topic-${topic}`) - 1);
    equal(
      perTopic.reduce((sum, count) => sum + count, 0),
      all,
      "each accepted message has one number of its topic",
    );
    await log.close();
  }
}

test("a process that is killed at any moment loses nothing that was kept and repeats nothing that was done", async (t) => {
  const folder = temporaryFolder(t);
  const seed = randomInt(1, 1_000_000);
  t.diagnostic(`seed ${seed}`);
  const random = seededRandom(seed);
  const promises = new Promises();
  for (let kill = 0; kill < KILLS; kill++) {
    promises.hear(await linesOf(t, folder, kill, random(1_000_000), 1 + random(LINES_MAX)));
    const [report] = await inspectSpool(disk, folder, true, () => undefined);
    deepEqual((report?.findings ?? []).filter(isProblem), [], `seed ${seed}, kill ${kill}: fsck`);
    await promises.check(folder).catch((error: unknown) => {
      throw new Error(`seed ${seed}, kill ${kill}`, { cause: error });
    });
  }
  ok(promises.kept.size > 100 && promises.done.size > 50, `${promises.kept.size} kept, ${promises.done.size} done`);
});
