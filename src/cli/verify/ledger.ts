/**
 * Counts what a topic holds, by the numbers that messages carry: for each stream of each log which are there, which came
 * twice, and which stand behind a later one of their key.
 *
 * Promise: bounded in memory, however long the topic is and whatever its messages claim. What is beyond a bound is counted
 * as not checked, never passed over.
 */
import type { StoredMessage, TopicPage } from "../../driver/destination.ts";
import { evidenceOf, isRedriven, isReplay, type FoundEvidence } from "./evidence.ts";
import { KeyOrder } from "./key-order.ts";
import { NumberRoom, NumberSet } from "./number-set.ts";

/** More than logs and streams that ever wrote to one topic, unless somebody makes them up. */
const SERIES_MAX = 10_000;
/** Streams that were not asked for, whose names are kept for "did you mean". */
const STREAMS_MAX = 1_000;
/** Doubles, and messages out of order, that are told one by one. */
export const LISTED_MAX = 20;

export interface Place {
  readonly partition: number;
  readonly offset: number;
}

/** A message that came again. */
export interface Double extends Place {
  readonly series: Series;
  readonly sequence: number;
}

/** The messages of one stream that one log numbered. */
export interface Series {
  /** Empty: no message says it. */
  readonly instance: string;
  readonly logId: string;
  readonly stream: string;
  readonly seen: NumberSet;
  messages: number;
  doubles: number;
  /** Behind a later one of its key. */
  outOfOrder: number;
  /** Behind a later one, whose key nobody remembers. */
  orderUnknown: number;
  replays: number;
  /** Dead letters that came after all. Where they stand says nothing. */
  redriven: number;
  /** The first number in each partition whose beginning may be deleted; what is missing below the highest may be, too. */
  readonly firstLeft: Map<number, number>;
}

export class Ledger {
  readonly #series = new Map<string, Series>();
  readonly #room: NumberRoom;
  readonly #order: KeyOrder;
  readonly #stream: string | null;
  /** Messages of each partition, and whether its beginning is there. */
  readonly partitions = new Map<number, { messages: number; isFromBegin: boolean }>();
  readonly doubles: Double[] = [];
  readonly outOfOrder: Double[] = [];
  /** Logs of which the topic has messages, of whatever stream. Replays are none: they come from other topics, too. */
  readonly logIds = new Set<string>();
  /** Streams that were met and not asked for. */
  readonly otherStreams = new Set<string>();
  messages = 0;
  /** Without evidence: somebody else's. */
  foreign = 0;
  /** Of streams that were not asked for. */
  passedOver = 0;
  /** For which there was no room. */
  unchecked = 0;

  /** @param stream - The only one that counts; null: all. */
  constructor(stream: string | null = null, room: NumberRoom = new NumberRoom(), order: KeyOrder = new KeyOrder()) {
    this.#stream = stream;
    this.#room = room;
    this.#order = order;
  }

  /** By instance, log and stream. */
  series(): readonly Series[] {
    const text = ({ instance, stream, logId }: Series): string => `${instance}\n${stream}\n${logId}`;
    return [...this.#series.values()].toSorted((left, right) => (text(left) < text(right) ? -1 : 1));
  }

  add({ partition, messages, isFromBegin }: TopicPage): void {
    const known = this.partitions.get(partition) ?? { messages: 0, isFromBegin };
    known.messages += messages.length;
    known.isFromBegin &&= isFromBegin;
    this.partitions.set(partition, known);
    for (const message of messages) this.#take(message, partition, known.isFromBegin);
  }

  #take(message: StoredMessage, partition: number, isFromBegin: boolean): void {
    this.messages += 1;
    const evidence = evidenceOf(message);
    if (evidence === null) {
      this.foreign += 1;
      return;
    }
    const again = isReplay(message);
    if (!again && this.logIds.size < SERIES_MAX) this.logIds.add(evidence.logId);
    if (this.#stream !== null && evidence.stream !== this.#stream) {
      this.passedOver += 1;
      if (this.otherStreams.size < STREAMS_MAX) this.otherStreams.add(evidence.stream);
      return;
    }
    const series = this.#seriesOf(evidence);
    if (series === null) {
      this.unchecked += 1;
      return;
    }
    if (again) {
      series.replays += 1;
      return;
    }
    this.#count(series, evidence, { partition, offset: message.offset }, isRedriven(message));
    if (!isFromBegin && !series.firstLeft.has(partition)) series.firstLeft.set(partition, evidence.sequence);
  }

  #count(series: Series, { sequence, key }: FoundEvidence, place: Place, redriven: boolean): void {
    const added = series.seen.add(sequence);
    if (added === "no-room") {
      this.unchecked += 1;
      return;
    }
    series.messages += 1;
    if (added === "again") {
      series.doubles += 1;
      if (this.doubles.length < LISTED_MAX) this.doubles.push({ series, sequence, ...place });
      return;
    }
    if (redriven) {
      series.redriven += 1;
      return;
    }
    const order = this.#order.next(`${seriesKey(series)}\n${place.partition}`, key, sequence);
    if (order === "unsure") series.orderUnknown += 1;
    if (order !== "falls") return;
    series.outOfOrder += 1;
    if (this.outOfOrder.length < LISTED_MAX) this.outOfOrder.push({ series, sequence, ...place });
  }

  #seriesOf(evidence: FoundEvidence): Series | null {
    const name = seriesKey(evidence);
    const known = this.#series.get(name);
    if (known !== undefined) return known;
    if (this.#series.size >= SERIES_MAX) return null;
    const made = emptySeries(evidence, this.#room);
    this.#series.set(name, made);
    return made;
  }
}

/** One of which no message was met. */
export function emptySeries({ instance, logId, stream }: Pick<Series, "instance" | "logId" | "stream">, room: NumberRoom): Series {
  const counts = { messages: 0, doubles: 0, outOfOrder: 0, orderUnknown: 0, replays: 0, redriven: 0 };
  return { instance, logId, stream, seen: new NumberSet(room), ...counts, firstLeft: new Map<number, number>() };
}

/** What numbers are without a gap within, in one topic. */
export function seriesKey({ instance, logId, stream }: Pick<Series, "instance" | "logId" | "stream">): string {
  return `${instance}\n${logId}\n${stream}`;
}

/**
 * Where the doubles stood first, found by reading again, since not every place was kept.
 *
 * @param pages - The topic anew; read until all are found.
 */
export async function firstPlaces(doubles: readonly Double[], pages: AsyncIterable<TopicPage>): Promise<ReadonlyMap<Double, Place>> {
  const wanted = new Map(doubles.map((double) => [`${seriesKey(double.series)}\n${double.sequence}`, double]));
  const places = new Map<string, Place>();
  for await (const { partition, messages } of pages) {
    for (const message of messages) {
      const evidence = isReplay(message) ? null : evidenceOf(message);
      if (evidence === null) continue;
      const name = `${seriesKey(evidence)}\n${evidence.sequence}`;
      if (wanted.has(name) && !places.has(name)) places.set(name, { partition, offset: message.offset });
    }
    if (places.size === wanted.size) break;
  }
  return new Map(
    doubles.flatMap((double) => {
      const place = places.get(`${seriesKey(double.series)}\n${double.sequence}`);
      return place === undefined ? [] : [[double, place] as const];
    }),
  );
}
