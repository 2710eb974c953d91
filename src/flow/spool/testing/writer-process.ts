/**
 * A process that uses a log as the program does, until it is killed or has had enough, and says what was promised to it.
 *
 * It appends, keeps values, sends lanes whose messages are numbered, has some refused, and confirms out of order.
 * Numbers are the log's, places a lane's. A line each, most of them in pairs: before something is begun, and once it is
 * on disk.
 *
 * | line | of |
 * | --- | --- |
 * | `opens`, `opened`, `ended`, `found KIND` | the log |
 * | `kept ID SEQUENCE TOPIC`, `refused ID CODE`, `unsure ID CODE` | a message; unsure: the disk may have it |
 * | `sets NAME JSON`, `set NAME JSON`, `unset NAME JSON`, `unsure-set NAME JSON` | a value that the driver keeps |
 * | `sends LANE PLACE NUMBER ID`, `renumbers LANE` | a send; places that were used before no longer count |
 * | `buries NUMBER ID`, `buried NUMBER` | a dead letter |
 * | `skips NUMBER CODE`, `skipped NUMBER` | a message that is taken out of its lane |
 * | `asks NUMBER ID OUTCOME LANE PLACE`, `done NUMBER` | a confirmation; the place is the lane's next, the lane `-` for none |
 * | `fails WHAT CODE`, `stopped CODE` | the disk |
 *
 * Arguments: data folder, name of the round, seed, options as JSON.
 */
import { writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { isSidestreamError } from "../../../errors.ts";
import { DeadLetterLog } from "../dead-letter-log.ts";
import { DestinationLog } from "../destination-log.ts";
import { disk } from "../disk.ts";
import type { Confirmation, SpooledMessage } from "../spooled.ts";
import { delivered, message } from "./fixtures.ts";
import { seededRandom } from "./memory-disk.ts";
import { LANES, LOOSE_TOPIC, REFUSED, UNPLACEABLE, type WriterOptions } from "./writer-settings.ts";

const TRIES_MAX = 200;
const TRY_AGAIN_MS = 2;

const [folder = "", round = "", seed = "1", text = "{}"] = process.argv.slice(2);
const options = JSON.parse(text) as WriterOptions;
const random = seededRandom(Number(seed));
const say = (line: string): void => void writeSync(1, `${line}\n`);
const codeOf = (error: unknown): string => (isSidestreamError(error) ? error.code : String(error));

class Lane {
  readonly name: string;
  readonly queue: SpooledMessage[] = [];
  /** Number in the lane of the next message. */
  place: number;
  isStuck: boolean;
  #hasSent = false;
  /** Messages may be missing that an earlier process sent: its numbers begin anew at the destination. */
  #isRenumbered = false;
  #confirming: Promise<void> = Promise.resolve();

  constructor(name: string) {
    this.name = name;
    this.place = log.lanePosition(name)?.number ?? 0;
    this.isStuck = options.stuck === name;
  }

  /** Sends what waits, one batch after the other; settles once it is confirmed. */
  run(): Promise<void> {
    this.#confirming = this.#confirming.then(() => this.#send());
    return this.#confirming;
  }

  async #send(): Promise<void> {
    while (this.queue.length > 0 && !(this.isStuck && this.#hasSent)) {
      const batch = this.#take(this.isStuck ? 1 : 1 + random(6));
      const [first] = batch;
      if (first === undefined) continue;
      const code = log.skipCode(first.logSequence);
      if (code !== null) {
        await confirm([{ ...named(first), lane: this.name, position: this.#position(), outcome: "dead", reason: code }]);
        continue;
      }
      if (!this.#isRenumbered && log.isDoubtful(this.name, first.logSequence)) {
        this.#isRenumbered = true;
        say(`renumbers ${this.name}`);
      }
      for (const { logSequence } of batch) if (!(await settled("maySend", () => log.maySend(this.name, logSequence)))) return;
      for (const [index, each] of batch.entries()) say(`sends ${this.name} ${this.place + index} ${each.logSequence} ${idOf(each)}`);
      this.#hasSent = true;
      if (this.isStuck) this.queue.unshift(first);
      else await (isRefused(first) ? this.#setAside(first) : this.#confirm(batch));
    }
  }

  /** The next messages, all in hand. One that is skipped, or will be refused, comes alone. */
  #take(count: number): SpooledMessage[] {
    const batch: SpooledMessage[] = [];
    for (let head = this.queue[0]; head !== undefined && batch.length < count; head = this.queue[0]) {
      const isAlone = isRefused(head) || log.skipCode(head.logSequence) !== null;
      if (batch.length > 0 && isAlone) break;
      this.queue.shift();
      inHand.add(head.logSequence);
      if (log.isConfirmed(head.logSequence)) inHand.delete(head.logSequence);
      else batch.push(head);
      if (isAlone) break;
    }
    return batch;
  }

  async #confirm(batch: readonly SpooledMessage[]): Promise<void> {
    const confirmations = batch.map((each) => {
      this.place += 1;
      return { ...named(each), lane: this.name, position: this.#position() };
    });
    await confirm(confirmations);
  }

  async #setAside(refused: SpooledMessage): Promise<void> {
    const { logSequence } = refused;
    say(`buries ${logSequence} ${idOf(refused)}`);
    if (!(await settled("bury", () => letters.add(refused, REFUSED, "too large")))) return;
    say(`buried ${logSequence}`);
    say(`skips ${logSequence} ${REFUSED}`);
    if (!(await settled("skip", () => log.skip(this.name, logSequence, REFUSED)))) return;
    say(`skipped ${logSequence}`);
    await confirm([{ ...named(refused), lane: this.name, position: this.#position(), outcome: "dead", reason: REFUSED }]);
  }

  #position(): { readonly number: number; readonly position: string } {
    return { number: this.place, position: `offset-${this.place}` };
  }
}

/** Each time alike: a destination that took a message doesn't refuse it later. */
function isRefused({ eventId }: SpooledMessage): boolean {
  return crc32(eventId) % 15 === 0;
}

/** Tries until it succeeds, as the program does; false when it never did. */
async function settled(what: string, act: () => Promise<unknown> | null): Promise<boolean> {
  for (let tries = 1; !isOver; tries++) {
    try {
      await act();
      return true;
    } catch (error) {
      if (tries === 1) say(`fails ${what} ${codeOf(error)}`);
      if (tries === TRIES_MAX) giveUp();
      await pause(TRY_AGAIN_MS);
    }
  }
  return false;
}

function giveUp(): void {
  isOver = true;
  ending.abort();
}

interface NamedConfirmation extends Confirmation {
  readonly id: string;
}

function named(from: SpooledMessage): NamedConfirmation {
  return { ...delivered(from), id: idOf(from) };
}

function idOf({ eventId }: SpooledMessage): string {
  return eventId.slice("event-".length);
}

async function confirm(confirmations: readonly NamedConfirmation[]): Promise<void> {
  for (const { logSequence, id, outcome, lane, position } of confirmations)
    say(`asks ${logSequence} ${id} ${outcome} ${lane ?? "-"} ${position?.number ?? 0}`);
  if (!(await settled("confirm", () => log.confirm(confirmations)))) return;
  for (const { logSequence } of confirmations) {
    inHand.delete(logSequence);
    say(`done ${logSequence}`);
  }
}

say("opens");
const common = { disk, destination: "out", onFinding: ({ kind }: { readonly kind: string }) => say(`found ${kind}`) };
const { bytesMax = 64 * 1024 * 1024, segmentBytesMax, whenFull, parkBytes, tenantShare } = options;
const log = await DestinationLog.open({
  ...common,
  folder: join(folder, "spool", "out"),
  bytesMax,
  ...(segmentBytesMax !== undefined && { segmentBytesMax }),
  ...(whenFull !== undefined && { whenFull }),
  ...(parkBytes !== undefined && { parkBytes }),
  ...(tenantShare !== undefined && { tenantShare }),
  topicsMax: 10,
  numbered: true,
});
const letters = await DeadLetterLog.open({
  ...common,
  folder: join(folder, "dead", "out"),
  messagesLogId: log.logId,
  keepMs: 1e15,
  bytesMax: 64 * 1024 * 1024,
  segmentBytesMax: 64 * 1024,
});
const inHand = new Set<number>();
const ending = new AbortController();
let isOver = false;
/** Of a log that is full: that it became so, and that what it holds was confirmed. */
let full = Promise.withResolvers<void>();
let drained = Promise.withResolvers<void>();
let isFull = false;
say("opened");

log.heldBy((logSequence) => inHand.has(logSequence));

async function write(): Promise<void> {
  for (let batch = 0; batch < (options.batches ?? Infinity) && !isOver; batch++) {
    const sent: (readonly [id: string, sequence: number, topic: string])[] = [];
    for (let left = random(5); left >= 0; left--) {
      const id = `${round}-${batch}-${left}`;
      const topic = [...LANES, LOOSE_TOPIC][random(4)] ?? LOOSE_TOPIC;
      const value = Buffer.alloc(random(4) === 0 ? random(options.valueBytesMax ?? 60_000) : random(300), id);
      try {
        const sequence = log.nextNumber("users-audit", topic);
        log.append(message(id, { topic, value, tenant: `tenant-${random(2)}` }), true);
        sent.push([id, sequence, topic]);
      } catch (error) {
        say(`refused ${id} ${codeOf(error)}`);
        if (log.stopped !== null) return say(`stopped ${codeOf(error)}`);
        if (!isFull) drained = Promise.withResolvers();
        isFull = true;
        full.resolve();
      }
    }
    const keeping = random(4) === 0 ? keep(batch) : null;
    const error = await log.flush().then(() => null, codeOf);
    for (const [id, sequence, topic] of sent) {
      if (error === null) say(`kept ${id} ${sequence} ${topic}`);
      else say(`${log.refusing === null ? "refused" : "unsure"} ${id} ${error}`);
    }
    await keeping;
    if (log.stopped !== null) return say(`stopped ${log.stopped.code}`);
    if (error !== null) await pause(TRY_AGAIN_MS);
    if (isFull) await drained.promise;
  }
}

async function keep(batch: number): Promise<void> {
  const name = `name-${random(6)}`;
  const filling = "x".repeat(random(5) === 0 ? random(20_000) : random(100));
  const value = random(6) === 0 ? null : { round, batch, filling };
  const what = `${name} ${JSON.stringify(value)}`;
  say(`sets ${what}`);
  await log.memory.set(name, value).then(
    () => say(`set ${what}`),
    () => say(`${log.refusing === null ? "unset" : "unsure-set"} ${what}`),
  );
}

async function send(): Promise<void> {
  const lanes = LANES.map((name) => new Lane(name));
  let loose: SpooledMessage[] = [];
  let next = log.confirmedSequence;
  while (!isOver) {
    // A log that is full gets nothing new, and has to be drained all the same.
    const hasNew = log.durableSequence > next;
    if (!hasNew && !isFull) await Promise.race([log.waitBeyond(next, ending.signal), full.promise]);
    if (ending.signal.aborted && log.durableSequence <= next) break;
    if (isFull) for (const lane of lanes) lane.isStuck = false;
    const read: SpooledMessage[] = [];
    const reading = async () => {
      const result = await log.read(next, 256 * 1024);
      next = result.nextSequence;
      read.push(...result.messages);
    };
    if (hasNew && !(await settled("read", reading))) break;
    for (const each of read.filter(({ logSequence }) => !log.isConfirmed(logSequence)))
      (lanes.find(({ name }) => name === each.topic)?.queue ?? loose).push(each);
    const chosen = loose.filter(({ logSequence }) => (isFull || random(20) > 0) && !log.isConfirmed(logSequence));
    loose = loose.filter((each) => !chosen.includes(each));
    for (const { logSequence } of chosen) inHand.add(logSequence);
    const confirmations = chosen.map((each): NamedConfirmation => {
      const about = { ...named(each), lane: null };
      return random(10) === 0 ? { ...about, outcome: "dead", reason: UNPLACEABLE } : about;
    });
    const halves = [confirmations.filter((_, index) => index % 2 === 1), confirmations.filter((_, index) => index % 2 === 0)];
    await Promise.all([...lanes.map((lane) => lane.run()), ...halves.map((half) => confirm(half))]);
    if (isFull && log.durableSequence <= next) {
      isFull = false;
      full = Promise.withResolvers();
      drained.resolve();
    }
  }
}

const sending = send();
await write();
ending.abort();
await sending;
await log.close().catch((error: unknown) => say(`fails close ${codeOf(error)}`));
await letters.close().catch((error: unknown) => say(`fails close ${codeOf(error)}`));
say("ended");
