/**
 * What writer processes were promised, held against what is on the disk after they ended, in whatever way.
 *
 * Read three times: by fsck, by the decoder that was written from the format's page, and by the log itself.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { DestinationLog } from "../destination-log.ts";
import { disk } from "../disk.ts";
import { isProblem, type FindingKind, type SpoolFinding } from "../findings.ts";
import { inspectSpool } from "../inspect.ts";
import type { SpooledMessage } from "../spooled.ts";
import { delivered, openLog, readAll } from "./fixtures.ts";
import { checkDecoded, deadLetterCount, decodedOf } from "./decoded-log.ts";
import { withoutDecoder, type DecodedMessage } from "./spool-decoder.ts";
import { LANES, LOOSE_TOPIC } from "./writer-settings.ts";

const STREAM = "users-audit";
const TENANTS = ["tenant-0", "tenant-1"] as const;

interface Kept {
  readonly sequence: number;
  readonly topic: string;
}

interface Asked {
  readonly number: number;
  readonly id: string;
  readonly outcome: string;
  readonly lane: string;
  readonly place: number;
}

export class WriterPromises {
  /** By id: their numbers are known once they were read. */
  readonly kept = new Map<string, Kept>();
  readonly done = new Set<number>();
  readonly refused = new Set<string>();
  /** Said of the disk: `fails read SST_SPOOL_IO`. */
  readonly troubles: string[] = [];
  /** Kinds of what the writers' logs found. */
  readonly found: string[] = [];
  /** Messages may have been given up for want of room: those that are missing have to be counted. */
  mayDrop = false;
  /** By the last check. */
  droppedCount = 0;
  readonly #ids = new Map<number, string>();
  readonly #asked = new Map<number, Asked>();
  /** The values that may be in force, undefined for none. */
  readonly #values = new Map<string, readonly (string | undefined)[]>();
  readonly #skips = new Map<number, { readonly code: string; isSure: boolean }>();
  readonly #buries = new Map<number, string>();
  readonly #buried = new Set<number>();
  /** By lane, then by place: the number of the message that was sent there last. */
  readonly #sent = new Map<string, Map<number, number>>();
  readonly #placeOf = new Map<number, number>();

  hear(lines: readonly string[]): void {
    for (const line of lines) this.#hear(line, line.split(" "));
  }

  /** Everything that a message, a value or a send was promised; throws for what is not so. */
  async check(folder: string): Promise<void> {
    if (!existsSync(join(folder, "dead/out"))) return equal(this.kept.size, 0);
    const reports = await inspectSpool(disk, folder, true, () => undefined);
    deepEqual(reports.flatMap(({ findings }) => findings).filter(isProblem), [], "fsck finds nothing wrong");
    const decoded = withoutDecoder === null ? await decodedOf(folder) : null;
    const { log, findings } = await openLog(join(folder, "spool/out"), { numbered: true });
    try {
      equal(log.stopped, null);
      deepEqual(findings.filter(isProblem), [], "a start finds nothing wrong");
      const read = await readAll(log);
      const report = reports.find(({ kind }) => kind === "messages");
      equal(report?.pending, read.length, "fsck counts what can be read");
      equal(report?.records, log.memory.names().length);
      if (decoded !== null) checkDecoded(decoded, log, read);
      this.#checkMessages(log, read);
      this.#checkLanes(log);
      this.#checkRecords(log, read);
      this.#checkCounts(log, read);
      await this.#checkLetters(folder, log.logId, decoded?.letters ?? null);
    } finally {
      await log.close();
    }
  }

  /** Confirms all that waits: nothing is left, neither messages nor the room that they took. */
  async drain(folder: string): Promise<void> {
    const { log } = await openLog(join(folder, "spool/out"), { numbered: true });
    await log.confirm((await readAll(log)).map(delivered));
    const { accepted, outcomes, pending, segments } = log.status();
    for (const tenant of TENANTS) {
      equal(pending[STREAM]?.[tenant] ?? 0, 0);
      equal(accepted[STREAM]?.[tenant] ?? 0, gone(outcomes[STREAM]?.[tenant]));
    }
    ok(segments <= 2, `${segments} segments are left of a log in which all is done`);
    await log.close();
    const reports = await inspectSpool(disk, folder, true, () => undefined);
    deepEqual(reports.flatMap(({ findings }) => findings).filter(isProblem), []);
  }

  #hear(line: string, [word, first = "", second = "", third = "", fourth = "", fifth = ""]: readonly string[]): void {
    const number = Number(first);
    if (word === "kept") this.kept.set(first, { sequence: Number(second), topic: third });
    else if (word === "refused") this.refused.add(first);
    else if (word === "renumbers") this.#hearRenumbered(first);
    else if (word === "sends") this.#hearSend(first, Number(second), Number(third), fourth);
    else if (word === "asks") this.#hearAsk({ number, id: second, outcome: third, lane: fourth, place: Number(fifth) });
    else if (word === "done") this.done.add(number);
    else if (word === "sets") this.#values.set(first, [...(this.#values.get(first) ?? [undefined]), valueOf(second)]);
    else if (word === "set") this.#values.set(first, [valueOf(second)]);
    // The last entry is the one that `sets` added.
    else if (word === "unset") this.#values.set(first, this.#values.get(first)?.slice(0, -1) ?? [undefined]);
    else if (word === "buries") this.#buries.set(number, second);
    else if (word === "buried") this.#buried.add(number);
    else if (word === "skips") this.#skips.set(number, { code: second, isSure: this.#skips.get(number)?.isSure ?? false });
    else if (word === "skipped") this.#skips.set(number, { code: this.#skips.get(number)?.code ?? "", isSure: true });
    else if (word === "fails" || word === "stopped") this.troubles.push(line);
    else if (word === "found") this.#hearFinding(first);
    else ok(word === "opens" || word === "opened" || word === "ended" || word === "unsure" || word === "unsure-set", line);
  }

  /** Only what a crash leaves is found; and a sync that failed is told where it costs nothing. */
  #hearFinding(kind: string): void {
    this.found.push(kind);
    ok(kind === "rewritten" || !isProblem({ kind: kind as FindingKind } as SpoolFinding), `found ${kind}`);
  }

  /** A number that somebody has seen is never given to anything else. */
  #isNumberOf(number: number, id: string): void {
    equal(this.#ids.get(number) ?? id, id, `number ${number}`);
    this.#ids.set(number, id);
  }

  #hearAsk(asked: Asked): void {
    this.#isNumberOf(asked.number, asked.id);
    this.#asked.set(asked.number, asked);
  }

  /** Only where messages were given up that an earlier process may have sent, places can't be told from the log. */
  #hearRenumbered(lane: string): void {
    ok(this.mayDrop, `${lane} is numbered anew`);
    for (const number of this.#sent.get(lane)?.values() ?? []) this.#placeOf.delete(number);
    this.#sent.delete(lane);
  }

  /** A place in a lane is one message's, unless it was skipped; and a message that was sent keeps its place. */
  #hearSend(lane: string, place: number, number: number, id: string): void {
    this.#isNumberOf(number, id);
    const places = this.#sent.get(lane) ?? new Map<number, number>();
    this.#sent.set(lane, places);
    const before = places.get(place);
    if (before !== undefined && before !== number)
      ok(this.#skips.get(before)?.isSure === true, `${lane} sends ${number} as ${place}, as which it sent ${before} before`);
    equal(this.#placeOf.get(number) ?? place, place, `the place of ${number} in ${lane}`);
    places.set(place, number);
    this.#placeOf.set(number, place);
  }

  #checkMessages(log: DestinationLog, read: readonly SpooledMessage[]): void {
    const numbers = read.map(({ logSequence }) => logSequence);
    deepEqual(
      numbers,
      [...new Set(numbers)].toSorted((a, b) => a - b),
      "in order, none twice",
    );
    const found = new Map(read.map((each) => [each.eventId.slice("event-".length), each]));
    const asked = new Map([...this.#asked.values()].map((each) => [each.id, each.number]));
    let missing = 0;
    for (const [id, { sequence, topic }] of this.kept) {
      const message = found.get(id);
      const number = asked.get(id);
      if (message !== undefined) deepEqual([message.sequence, message.topic], [sequence, topic], `${id} is as it was`);
      else if (number === undefined) missing += 1;
      if (number !== undefined) equal(log.isConfirmed(number), message === undefined, `${id} is there or done`);
      if (message === undefined) ok(number !== undefined || this.mayDrop, `${id} was kept and is gone`);
    }
    for (const number of this.done) ok(log.isConfirmed(number), `${this.#ids.get(number)} was confirmed`);
    this.droppedCount = droppedOf(log);
    ok(missing <= this.droppedCount, `${missing} messages are gone, ${this.droppedCount} are counted as dropped`);
    for (const { logSequence, eventId, value } of read) {
      const id = eventId.slice("event-".length);
      this.#isNumberOf(logSequence, id);
      ok(!this.refused.has(id), `${id} was refused`);
      ok(value.equals(Buffer.alloc(value.length, id)), `not a byte of ${id} is changed`);
    }
  }

  #checkLanes(log: DestinationLog): void {
    if (!this.mayDrop) equal(log.doubtfulFrom, null, "nothing is in doubt");
    for (const lane of LANES) {
      const asked = [...this.#asked.values()].filter((each) => each.lane === lane && log.isConfirmed(each.number));
      const last = asked.toSorted((a, b) => a.number - b.number).at(-1);
      const position = last === undefined ? null : { number: last.place, position: `offset-${last.place}` };
      deepEqual(log.lanePosition(lane), position, `${lane} stands where its last confirmation left it`);
      for (const number of this.#sent.get(lane)?.values() ?? [])
        ok(number < Math.max(log.sentBelow(lane), log.confirmedSequence), `${number} may have been sent in ${lane}`);
    }
  }

  #checkRecords(log: DestinationLog, read: readonly SpooledMessage[]): void {
    for (const [name, values] of this.#values) {
      const value = log.memory.get(name);
      const text = value === undefined ? undefined : JSON.stringify(value);
      ok(values.includes(text), `${name} is ${text?.slice(0, 100)}`);
      this.#values.set(name, [text]);
    }
    deepEqual(
      [...log.memory.names()].toSorted(),
      [...this.#values].flatMap(([name, [value]]) => (value === undefined ? [] : [name])).toSorted(),
      "nothing else is kept",
    );
    for (const { logSequence } of read) {
      const skip = this.#skips.get(logSequence);
      const code = log.skipCode(logSequence);
      if (skip?.isSure === true || code !== null) equal(code, skip?.code, `the skip of ${logSequence}`);
      if (skip !== undefined && code !== null) skip.isSure = true;
    }
    for (const [number, skip] of this.#skips) {
      if (!log.isConfirmed(number)) continue;
      equal(log.skipCode(number), null, `${number} is done: its skip is not in force any more`);
      skip.isSure = true;
    }
  }

  #checkCounts(log: DestinationLog, read: readonly SpooledMessage[]): void {
    const { accepted, outcomes, pending } = log.status();
    let all = 0;
    for (const tenant of TENANTS) {
      const waiting = pending[STREAM]?.[tenant] ?? 0;
      equal(waiting, read.filter((each) => each.tenant === tenant).length, "pending is what can be read");
      equal(accepted[STREAM]?.[tenant] ?? 0, gone(outcomes[STREAM]?.[tenant]) + waiting, "accepted = delivered + dead + dropped + pending");
      all += accepted[STREAM]?.[tenant] ?? 0;
    }
    ok(all >= this.kept.size);
    const topics = [...LANES, LOOSE_TOPIC].map((topic) => log.nextNumber(STREAM, topic) - 1);
    equal(
      topics.reduce((sum, count) => sum + count, 0),
      all,
      "each accepted message has one number of its topic",
    );
    this.#checkOutcomes(log);
  }

  /** What was confirmed counts by its outcome; what was only asked, and is gone, may have been given up instead. */
  #checkOutcomes(log: DestinationLog): void {
    const { outcomes } = log.status();
    const rows = TENANTS.flatMap((tenant) => outcomes[STREAM]?.[tenant] ?? []);
    const told = {
      delivered: rows.reduce((sum, { delivered }) => sum + delivered, 0),
      dead: rows.reduce((sum, { dead }) => sum + dead, 0),
    };
    for (const [outcome, count] of Object.entries(told)) {
      const asked = [...this.#asked.values()].filter((each) => each.outcome === outcome && log.isConfirmed(each.number));
      const sure = this.mayDrop ? asked.filter(({ number }) => this.done.has(number)) : asked;
      ok(count >= sure.length && count <= asked.length, `${count} ${outcome}, from ${sure.length} to ${asked.length}`);
    }
  }

  async #checkLetters(folder: string, messagesLogId: string, decoded: readonly DecodedMessage[] | null): Promise<void> {
    const messages = await deadLetterCount(folder, messagesLogId);
    ok(messages >= this.#buried.size, `${messages} dead letters, ${this.#buried.size} were on disk`);
    if (decoded === null) return;
    equal(decoded.length, messages);
    const numbers = new Set(decoded.map(({ dead }) => dead?.logSequence ?? 0));
    for (const number of this.#buried) ok(numbers.has(number), `the dead letter of ${number}`);
    for (const { eventId, dead } of decoded) equal(eventId, `event-${this.#buries.get(dead?.logSequence ?? 0)}`);
  }
}

interface Outcomes {
  readonly delivered: number;
  readonly dead: number;
  readonly dropped: Readonly<Record<string, number>>;
}

function gone(row: Outcomes | undefined): number {
  if (row === undefined) return 0;
  return row.delivered + row.dead + Object.values(row.dropped).reduce((sum, count) => sum + count, 0);
}

function droppedOf(log: DestinationLog): number {
  const rows = Object.values(log.status().outcomes[STREAM] ?? {});
  return rows.reduce((sum, row) => sum + gone({ ...row, delivered: 0, dead: 0 }), 0);
}

function valueOf(text: string): string | undefined {
  return text === "null" ? undefined : text;
}
