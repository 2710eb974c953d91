/**
 * What a log promised of control records and lane positions, held against what it tells: what was answered is in force,
 * what was refused isn't, and what a crash left open is one or the other from then on.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import type { LanePosition } from "../../../driver/destination.ts";
import type { DestinationLog } from "../destination-log.ts";
import type { SpooledMessage } from "../spooled.ts";

/** What a write may have come to. */
type Ending = "answered" | "refused" | "unsure";

interface Positioned {
  readonly eventId: string;
  readonly lane: string;
  readonly position: LanePosition;
}

export class ControlModel {
  /** By name: the JSON of each value that may be in force, undefined for none. */
  readonly #values = new Map<string, readonly (string | undefined)[]>();
  /** By event: its number, and the codes that may be in force, null for none. */
  readonly #skips = new Map<string, { readonly logSequence: number; readonly codes: readonly (string | null)[] }>();
  /** In the order of confirming. */
  #positioned: Positioned[] = [];

  /** Sets a value; settles with how that ended. */
  async set(log: DestinationLog, name: string, value: unknown): Promise<Ending> {
    const ending = await endingOf(log, log.memory.set(name, value));
    const before = this.#values.get(name) ?? [undefined];
    const text = value === null ? undefined : JSON.stringify(value);
    if (ending === "answered") this.#values.set(name, [text]);
    if (ending === "unsure") this.#values.set(name, [...before, text]);
    if (ending === "refused") ok(before.includes(json(log.memory.get(name))), `${name} is as it was before`);
    return ending;
  }

  async skip(log: DestinationLog, { eventId, logSequence }: SpooledMessage, code: string): Promise<Ending> {
    const ending = await endingOf(log, log.skip("lane", logSequence, code));
    const before = this.#skips.get(eventId)?.codes ?? [null];
    if (ending === "answered") this.#skips.set(eventId, { logSequence, codes: [code] });
    if (ending === "unsure") this.#skips.set(eventId, { logSequence, codes: [...before, code] });
    return ending;
  }

  /** Lane and position for the confirmation of a message that was not confirmed before. */
  position({ eventId, topic }: SpooledMessage): { readonly lane: string; readonly position: LanePosition } {
    const last = this.#positioned.findLast(({ lane }) => lane === topic)?.position.number ?? 0;
    const position = { number: last + 1, position: last % 2 === 0 ? null : `offset ${last}` };
    this.#positioned.push({ eventId, lane: topic, position });
    return { lane: topic, position };
  }

  /** @param isDone - Whether a message is confirmed, by the cursor that the log was opened with or has written since. */
  check(log: DestinationLog, isDone: (eventId: string) => boolean): void {
    equal(log.doubtfulFrom, null, "a crash puts nothing in doubt");
    for (const [name, values] of this.#values) {
      const value = json(log.memory.get(name));
      ok(values.includes(value), `${name} is ${value}, and one of ${values.join(", ")}`);
      this.#values.set(name, [value]);
    }
    deepEqual(
      [...log.memory.names()].toSorted(),
      [...this.#values].flatMap(([name, [value]]) => (value === undefined ? [] : [name])).toSorted(),
      "nothing else is kept",
    );
    for (const [eventId, { logSequence, codes }] of this.#skips) {
      const code = log.skipCode(logSequence);
      if (isDone(eventId)) equal(code, null, `${eventId} is done: its skip is not in force any more`);
      else ok(codes.includes(code), `the skip of ${eventId} is ${code}, and one of ${codes.join(", ")}`);
      this.#skips.set(eventId, { logSequence, codes: [code] });
    }
    this.#positioned = this.#positioned.filter(({ eventId }) => isDone(eventId));
    for (const lane of new Set(this.#positioned.map((each) => each.lane))) {
      const last = this.#positioned.findLast((each) => each.lane === lane);
      deepEqual(log.lanePosition(lane), last?.position, `${lane} stands where its last confirmation left it`);
    }
  }
}

function json(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}

/** A log that goes on has taken back what it refused; of one that stopped, the disk may have kept it. */
async function endingOf(log: DestinationLog, written: Promise<void>): Promise<Ending> {
  return written.then(
    () => "answered",
    () => (log.refusing === null ? "refused" : "unsure"),
  );
}
