/**
 * Random histories of a destination's log on a disk that can lose power, held against a model of what was promised.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isSidestreamError } from "../../errors.ts";
import { DestinationLog } from "./destination-log.ts";
import { isProblem, type SpoolFinding } from "./findings.ts";
import { inspectSpool } from "./inspect.ts";
import type { Confirmation, SpooledMessage } from "./spooled.ts";
import { ControlModel } from "./testing/control-model.ts";
import { delivered, FailingDisk, message, readAll } from "./testing/fixtures.ts";
import { step, type Step } from "./testing/history-steps.ts";
import { MemoryDisk, seededRandom, type Random } from "./testing/memory-disk.ts";
import { MessageModel } from "./testing/message-model.ts";

const FOLDER = "/data/spool/out";
const MIB = 1024 * 1024;

const OUTCOMES = ["delivered", "dead", "dropped"] as const;

/** A file that a segment was made of ahead keeps the path that it was opened with. */
const isSegment = (path: string): boolean => path.endsWith(".segment") || path.endsWith("/spare");

class History {
  readonly #disk: MemoryDisk;
  readonly #random: Random;
  readonly #messages = new MessageModel();
  readonly #control = new ControlModel();
  /** Of the program that runs. */
  #failing!: FailingDisk;
  #findings: SpoolFinding[] = [];
  #log!: DestinationLog;
  #count = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#disk = new MemoryDisk(seededRandom(seed + 1));
  }

  async run(steps: readonly Step[]): Promise<void> {
    await this.#open();
    for (const each of steps) await this.#step(each);
    await this.#flush();
    await this.#reopen();
    await this.#log.close();
    equal(this.#disk.openFiles, 0, "every file is closed");
    await this.#disk.makeFolder("/data/spool");
    await this.#disk.makeFolder(FOLDER);
    const [report] = await inspectSpool(this.#disk, "/data", true, () => undefined);
    deepEqual((report?.findings ?? []).filter(isProblem), [], "fsck finds nothing after a clean end");
  }

  async #step(each: Step): Promise<void> {
    if (each.kind === "append")
      return this.#append(`topic-${each.topic}`, `tenant-${each.tenant}`, each.large ? 150_000 : 40, each.acknowledging);
    if (each.kind === "flush") return this.#flush();
    if (each.kind === "confirm") return this.#confirm(each.count, each.pick);
    if (each.kind === "set") return this.#set(`name-${each.name}`, each.bytes);
    if (each.kind === "skip") return this.#skip(each.pick);
    if (each.kind === "reopen") return this.#reopen();
    if (each.kind === "crash") return this.#crash(each.power, each.after);
    if (each.kind === "full") return this.#full(each.share);
    if (each.kind === "syncFailsOnce") return this.#syncFailsOnce(each.behind, each.large, each.ending);
    return this.#syncFails(each.power);
  }

  async #open(): Promise<void> {
    this.#findings = [];
    this.#failing = new FailingDisk(this.#disk);
    this.#log = await DestinationLog.open({
      disk: this.#failing,
      folder: FOLDER,
      destination: "out",
      bytesMax: 16 * MIB,
      topicsMax: 100,
      numbered: true,
      parkBytes: MIB / 2,
      onFinding: (finding) => this.#findings.push(finding),
    });
    deepEqual(this.#findings.filter(isProblem), [], "only what a crash leaves is found");
    equal(this.#log.stopped, null);
    await this.#check();
  }

  /** The program ends here: nothing that it still asks for is done. */
  async #die(power: boolean): Promise<void> {
    this.#failing.writtenShare = 0;
    this.#failing.fail = () => "EIO";
    if (power) this.#disk.losePower();
    else this.#disk.killProcess();
    await this.#open();
  }

  #append(topic: string, tenant: string, bytes: number, acknowledging: boolean): void {
    const id = `m${this.#count++}`;
    this.#log.append(message(id, { topic, tenant, value: Buffer.alloc(bytes, id) }), acknowledging);
    this.#messages.appended(id, topic, tenant);
  }

  async #flush(): Promise<void> {
    const waiting = this.#messages.waiting();
    equal(await told(this.#log.flush()), "written", "a healthy disk takes what it is given");
    this.#messages.settle("kept", waiting);
  }

  async #confirm(count: number, pick: number): Promise<void> {
    const messages = await this.#read();
    const chosen = messages.filter((_, index) => (index * 7 + pick) % messages.length < count);
    await this.#log.confirm(
      this.#confirmations(chosen).map((each, index) => ({ ...each, outcome: OUTCOMES[index % 3] ?? "delivered", reason: "because" })),
    );
    for (const { eventId } of chosen) this.#messages.find(eventId).done = "yes";
  }

  #confirmations(messages: readonly SpooledMessage[]): Confirmation[] {
    const isOpen = ({ eventId }: SpooledMessage): boolean => this.#messages.find(eventId).done === "no";
    return messages.map((each) => ({ ...delivered(each), ...(isOpen(each) && this.#control.position(each)) }));
  }

  async #set(name: string, bytes: number | null): Promise<void> {
    const value = bytes === null ? null : { count: this.#count++, filling: "x".repeat(bytes) };
    equal(await this.#control.set(this.#log, name, value), "answered");
    // What was appended before it was written with it.
    this.#messages.settle("kept");
  }

  async #skip(pick: number): Promise<void> {
    const messages = await this.#read();
    const chosen = messages[pick % Math.max(1, messages.length)];
    if (chosen === undefined) return;
    equal(await this.#control.skip(this.#log, chosen, `CODE-${this.#count++}`), "answered");
    this.#messages.settle("kept");
  }

  async #reopen(): Promise<void> {
    this.#messages.settle("kept");
    await this.#log.close();
    await this.#open();
  }

  /** Dies some operations from now, in the middle of writing, confirming or rolling. */
  async #crash(power: boolean, after: number): Promise<void> {
    const readable = await this.#read();
    this.#disk.operationsLeft = after;
    for (let round = 0; round < 3; round++) {
      this.#append(`topic-${this.#random(3)}`, "tenant-0", this.#random(2) === 0 ? 150_000 : 50, true);
      const waiting = this.#messages.waiting();
      const chosen = readable.filter(() => this.#random(3) === 0);
      const confirmations = this.#confirmations(chosen);
      for (const { eventId } of chosen) {
        const sent = this.#messages.find(eventId);
        if (sent.done === "no") sent.done = "unsure";
      }
      const written = told(this.#log.flush());
      const records = this.#records(readable);
      const confirmed = told(this.#log.confirm(confirmations));
      if ((await written) === "written") this.#messages.settle("kept", waiting);
      if ((await confirmed) === "written") for (const { eventId } of chosen) this.#messages.find(eventId).done = "yes";
      await records;
      if (this.#log.refusing !== null || (await written) !== "written") break;
    }
    this.#messages.settle("unsure");
    await this.#die(power);
  }

  /** Control records on their way while the disk dies. */
  async #records(readable: readonly SpooledMessage[]): Promise<void> {
    const skipped = readable[this.#random(Math.max(1, readable.length))];
    const value = this.#random(3) === 0 ? null : { count: this.#count++, filling: "x".repeat(this.#random(2) * 60_000) };
    const setting = this.#control.set(this.#log, `name-${this.#random(4)}`, value);
    if (skipped !== undefined && this.#random(2) === 0) await this.#control.skip(this.#log, skipped, `CODE-${this.#count++}`);
    await setting;
  }

  async #full(share: number): Promise<void> {
    this.#append("topic-0", "tenant-1", 60, true);
    this.#append("topic-1", "tenant-1", 60, false);
    const waiting = this.#messages.waiting();
    this.#failing.fail = (operation, path) => (operation === "write" && isSegment(path) ? "ENOSPC" : null);
    this.#failing.writtenShare = share;
    const setting = this.#control.set(this.#log, "name-0", "refused");
    equal(await told(this.#log.flush()), "SST_SPOOL_IO");
    equal(await setting, "refused");
    this.#failing.fail = () => null;
    equal(this.#log.stopped, null);
    this.#messages.settle("refused", waiting);
    await this.#check();
  }

  /** Whatever was on its way to the disk is written once more, elsewhere. */
  async #syncFailsOnce(behind: number, large: boolean, ending: "none" | "kill" | "power"): Promise<void> {
    this.#append("topic-2", "tenant-1", large ? 150_000 : 60, true);
    let failedPath: string | null = null;
    this.#failing.fail = (operation, path) => {
      if (operation !== "sync" || !isSegment(path) || failedPath !== null) return null;
      failedPath = path;
      return "EIO";
    };
    const before = this.#rewritten();
    const first = this.#log.flush();
    const setting = this.#control.set(this.#log, "name-2", { count: this.#count++ });
    for (let index = 0; index < behind; index++) this.#append(`topic-${index}`, "tenant-0", 50, index === 0);
    deepEqual(await Promise.all([told(first), told(this.#log.flush()), setting]), ["written", "written", "answered"]);
    this.#failing.fail = () => null;
    equal(this.#log.stopped, null);
    // A sync of the file that the next segment will be may be the one that failed: nothing was on its way to it.
    const times = this.#rewritten() - before;
    if (failedPath !== null && String(failedPath).endsWith(".segment")) equal(times, 1, "it is told");
    else ok(times <= 1);
    this.#messages.settle("kept");
    if (ending === "none") await this.#check();
    else await this.#die(ending === "power");
  }

  #rewritten(): number {
    return this.#findings.filter(({ kind }) => kind === "rewritten").length;
  }

  /** As long as it lasts, nothing can be written elsewhere either. */
  async #syncFails(power: boolean): Promise<void> {
    this.#append("topic-2", "tenant-1", 60, true);
    const waiting = this.#messages.waiting();
    this.#failing.fail = (operation, path) => (operation === "sync" && isSegment(path) ? "EIO" : null);
    const setting = this.#control.set(this.#log, "name-1", "unsure");
    equal(await told(this.#log.flush()), "SST_SPOOL_IO");
    equal(await setting, "unsure");
    ok(this.#log.stopped !== null);
    this.#messages.settle("unsure", waiting);
    await this.#die(power);
  }

  /** Holds what can be read against what was promised. */
  async #check(): Promise<void> {
    this.#messages.check(this.#log, await this.#read());
    this.#control.check(this.#log, (eventId) => this.#messages.find(eventId).done === "yes");
  }

  async #read(): Promise<readonly SpooledMessage[]> {
    const read = await readAll(this.#log);
    this.#messages.read(read);
    return read;
  }
}

async function told(written: Promise<void>): Promise<string> {
  return written.then(
    () => "written",
    (error: unknown) => (isSidestreamError(error) ? error.code : "another error"),
  );
}

test("whatever a crash, a full disk or a failed sync interrupts, the log keeps what it promised", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.array(step, { minLength: 5, maxLength: 40, size: "max" }), async (seed, steps) => {
      await new History(seed).run(steps);
    }),
    { numRuns: 200 },
  );
});
