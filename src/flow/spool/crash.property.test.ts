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
import { step, type Sent, type Step } from "./testing/history-steps.ts";
import { MemoryDisk, seededRandom, type Random } from "./testing/memory-disk.ts";

const FOLDER = "/data/spool/out";
const MIB = 1024 * 1024;

const OUTCOMES = ["delivered", "dead", "dropped"] as const;

class History {
  readonly #disk: MemoryDisk;
  readonly #failing: FailingDisk;
  readonly #random: Random;
  readonly #sent: Sent[] = [];
  readonly #control = new ControlModel();
  #log!: DestinationLog;
  #count = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#disk = new MemoryDisk(seededRandom(seed + 1));
    this.#failing = new FailingDisk(this.#disk);
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
    return this.#syncFails(each.power);
  }

  async #open(): Promise<void> {
    const findings: SpoolFinding[] = [];
    this.#log = await DestinationLog.open({
      disk: this.#failing,
      folder: FOLDER,
      destination: "out",
      bytesMax: 16 * MIB,
      topicsMax: 100,
      numbered: true,
      onFinding: (finding) => findings.push(finding),
    });
    deepEqual(findings.filter(isProblem), [], "only what a crash leaves is found");
    equal(this.#log.stopped, null);
    await this.#check();
  }

  #append(topic: string, tenant: string, bytes: number, acknowledging: boolean): void {
    const id = `m${this.#count++}`;
    this.#log.append(message(id, { topic, tenant, value: Buffer.alloc(bytes, id) }), acknowledging);
    this.#sent.push({ id, topic, tenant, fate: "waiting", done: "no", number: null });
  }

  async #flush(): Promise<void> {
    const waiting = this.#sent.filter(({ fate }) => fate === "waiting");
    const settled = await this.#log.flush().then(
      () => true,
      () => false,
    );
    ok(settled, "a healthy disk takes what it is given");
    for (const sent of waiting) sent.fate = "kept";
  }

  async #confirm(count: number, pick: number): Promise<void> {
    const messages = await this.#read();
    const chosen = messages.filter((_, index) => (index * 7 + pick) % messages.length < count);
    await this.#log.confirm(
      this.#confirmations(chosen).map((each, index) => ({ ...each, outcome: OUTCOMES[index % 3] ?? "delivered", reason: "because" })),
    );
    for (const { eventId } of chosen) this.#find(eventId).done = "yes";
  }

  #confirmations(messages: readonly SpooledMessage[]): Confirmation[] {
    return messages.map((each) => ({ ...delivered(each), ...(this.#find(each.eventId).done === "no" && this.#control.position(each)) }));
  }

  async #set(name: string, bytes: number | null): Promise<void> {
    const value = bytes === null ? null : { count: this.#count++, filling: "x".repeat(bytes) };
    equal(await this.#control.set(this.#log, name, value), "answered");
    // What was appended before it was written with it.
    for (const sent of this.#sent) if (sent.fate === "waiting") sent.fate = "kept";
  }

  async #skip(pick: number): Promise<void> {
    const messages = await this.#read();
    const chosen = messages[pick % Math.max(1, messages.length)];
    if (chosen === undefined) return;
    equal(await this.#control.skip(this.#log, chosen, `CODE-${this.#count++}`), "answered");
    for (const sent of this.#sent) if (sent.fate === "waiting") sent.fate = "kept";
  }

  async #reopen(): Promise<void> {
    for (const sent of this.#sent) if (sent.fate === "waiting") sent.fate = "kept";
    await this.#log.close();
    await this.#open();
  }

  /** Dies some operations from now, in the middle of writing, confirming or rolling. */
  async #crash(power: boolean, after: number): Promise<void> {
    const readable = await this.#read();
    this.#disk.operationsLeft = after;
    for (let round = 0; round < 3; round++) {
      this.#append(`topic-${this.#random(3)}`, "tenant-0", this.#random(2) === 0 ? 150_000 : 50, true);
      const waiting = this.#sent.filter(({ fate }) => fate === "waiting");
      const chosen = readable.filter(() => this.#random(3) === 0);
      const confirmations = this.#confirmations(chosen);
      for (const { eventId } of chosen) if (this.#find(eventId).done === "no") this.#find(eventId).done = "unsure";
      const written = this.#log.flush().then(
        () => true,
        () => false,
      );
      const records = this.#records(readable);
      const confirmed = this.#log.confirm(confirmations).then(
        () => true,
        () => false,
      );
      if (await written) for (const sent of waiting) sent.fate = "kept";
      if (await confirmed) for (const { eventId } of chosen) this.#find(eventId).done = "yes";
      await records;
      if (this.#log.stopped !== null || !(await written)) break;
    }
    for (const sent of this.#sent) if (sent.fate === "waiting") sent.fate = "unsure";
    if (power) this.#disk.losePower();
    else this.#disk.killProcess();
    await this.#open();
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
    const waiting = this.#sent.filter(({ fate }) => fate === "waiting");
    this.#failing.fail = (operation, path) => (operation === "write" && path.endsWith(".segment") ? "ENOSPC" : null);
    this.#failing.writtenShare = share;
    const setting = this.#control.set(this.#log, "name-0", "refused");
    equal(
      await this.#log.flush().then(
        () => "written",
        (error: unknown) => isSidestreamError(error) && error.code,
      ),
      "SST_SPOOL_IO",
    );
    equal(await setting, "refused");
    this.#failing.fail = () => null;
    equal(this.#log.stopped, null);
    for (const sent of waiting) sent.fate = "refused";
    await this.#check();
  }

  async #syncFails(power: boolean): Promise<void> {
    this.#append("topic-2", "tenant-1", 60, true);
    const waiting = this.#sent.filter(({ fate }) => fate === "waiting");
    this.#failing.fail = (operation, path) => (operation === "sync" && path.endsWith(".segment") ? "EIO" : null);
    const setting = this.#control.set(this.#log, "name-1", "unsure");
    equal(
      await this.#log.flush().then(
        () => "written",
        () => "refused",
      ),
      "refused",
    );
    equal(await setting, "unsure");
    this.#failing.fail = () => null;
    ok(this.#log.stopped !== null);
    for (const sent of waiting) sent.fate = "unsure";
    if (power) this.#disk.losePower();
    else this.#disk.killProcess();
    await this.#open();
  }

  /** Holds what can be read against what was promised. */
  async #check(): Promise<void> {
    const read = await this.#read();
    this.#checkMessages(read);
    this.#checkNumbers();
    this.#checkCounts(read);
    this.#control.check(this.#log, (eventId) => this.#find(eventId).done === "yes");
  }

  #checkMessages(read: readonly SpooledMessage[]): void {
    const ids = read.map(({ eventId }) => eventId.slice("event-".length));
    equal(new Set(ids).size, ids.length, "no message twice");
    const places = ids.map((id) => this.#sent.findIndex((sent) => sent.id === id));
    deepEqual(
      places,
      places.toSorted((a, b) => a - b),
      "in the order of appending",
    );
    ok(!places.includes(-1), "nothing invented");
    for (const [place, sent] of this.#sent.entries()) {
      const isThere = places.includes(place);
      if (sent.fate === "kept" && sent.done === "no") ok(isThere, `${sent.id} was acknowledged and is there`);
      if (sent.fate === "refused") ok(!isThere, `${sent.id} was refused and does not come back`);
      if (sent.done === "yes") ok(!isThere, `${sent.id} was confirmed and does not come back`);
      // What a crash left unsure is sure from now on.
      if (sent.fate === "unsure") sent.fate = isThere || sent.done !== "no" ? "kept" : "refused";
      if (sent.done === "unsure") sent.done = isThere ? "no" : "yes";
    }
  }

  async #read(): Promise<readonly SpooledMessage[]> {
    const read = await readAll(this.#log);
    for (const each of read) {
      const sent = this.#find(each.eventId);
      if (sent.number !== null) equal(each.sequence, sent.number, "a message keeps its number");
      sent.number = each.sequence;
      deepEqual(each.value, Buffer.alloc(each.value.length, sent.id), "not a byte is changed");
    }
    return read;
  }

  #checkNumbers(): void {
    for (const topic of ["topic-0", "topic-1", "topic-2"]) {
      const numbers = this.#sent
        .filter((sent) => sent.topic === topic && sent.number !== null && sent.fate !== "refused")
        .map(({ number }) => number);
      deepEqual(
        numbers,
        numbers.map((_, index) => index + 1),
        `numbers of ${topic} have no gap and come once`,
      );
    }
  }

  #checkCounts(read: readonly SpooledMessage[]): void {
    const { accepted, outcomes, pending } = this.#log.status();
    for (const tenant of ["tenant-0", "tenant-1"]) {
      const left = outcomes["users-audit"]?.[tenant];
      deepEqual(
        Object.keys(left?.dropped ?? {}).filter((reason) => reason !== "because"),
        [],
        "nothing was lost to damage",
      );
      const gone = (left?.delivered ?? 0) + (left?.dead ?? 0) + (left?.dropped["because"] ?? 0);
      const kept = this.#sent.filter((sent) => sent.tenant === tenant && sent.fate === "kept");
      equal(gone, kept.filter(({ done }) => done === "yes").length, "delivered + dead + dropped is what was confirmed");
      equal(pending["users-audit"]?.[tenant] ?? 0, read.filter((each) => each.tenant === tenant).length, "pending is what can be read");
      equal(accepted["users-audit"]?.[tenant] ?? 0, kept.length, "accepted is what was kept");
      equal(
        accepted["users-audit"]?.[tenant] ?? 0,
        gone + (pending["users-audit"]?.[tenant] ?? 0),
        "accepted = delivered + dead + dropped + pending",
      );
    }
  }

  #find(eventId: string): Sent {
    const sent = this.#sent.find(({ id }) => `event-${id}` === eventId);
    ok(sent !== undefined, `${eventId} was never sent`);
    return sent;
  }
}

test("whatever a crash, a full disk or a failed sync interrupts, the log keeps what it promised", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.array(step, { minLength: 5, maxLength: 40, size: "max" }), async (seed, steps) => {
      await new History(seed).run(steps);
    }),
    { numRuns: 300 },
  );
});
