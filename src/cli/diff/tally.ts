/**
 * Sums up what would change over many events.
 *
 * Promise: bounded, however many events there are: what is beyond a bound is counted and told as such.
 */
import type { EventDiff, MessageDiff, Side } from "../../flow/rule-diff.ts";
import type { ChangedPart } from "../../flow/changed-parts.ts";

/** Enough to see what kind of event it is. */
export const SAMPLES_MAX = 5;
/** Rows of each kind, over all streams: topics, rules that are unknown, terms. */
export const ROWS_MAX = 1_000;

export type Kind = MessageDiff["kind"];

/** An event whose messages differ; what it shows is what a message would show. */
export interface Sample {
  readonly kind: Kind;
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly eventId: string;
  readonly tenant: string;
  readonly subject: string;
  /** `destination:topic`; the template where no topic can be made of it. */
  readonly place: string;
  /** Of the new side, where there is one. */
  readonly rule: number;
  readonly parts: readonly ChangedPart[];
}

export type Counts = Record<Kind, number>;

export interface TargetRow extends Counts {
  readonly stream: string;
  readonly place: string;
}

export interface UnknownRow {
  readonly side: Side;
  readonly stream: string;
  readonly rule: number;
  events: number;
  /** Of the first such event. */
  readonly why: string;
}

export interface KeptOutRow {
  readonly stream: string;
  readonly rule: number;
  readonly term: number;
  events: number;
  /** Of these, events of which the stream makes nothing. */
  nobodys: number;
}

/** What is told of one event where it is a sample. */
export type Shown = Pick<Sample, "timeMs" | "eventId" | "tenant" | "subject">;

export class Tally {
  events = 0;
  firstMs: number | null = null;
  lastMs: number | null = null;
  readonly streams = new Map<string, { readonly counts: Counts; readonly samples: Sample[] }>();
  readonly targets = new Map<string, TargetRow>();
  readonly unknown = new Map<string, UnknownRow>();
  /** Events of which at least one rule is unknown. */
  unknownEvents = 0;
  readonly keptOut = new Map<string, KeptOutRow>();
  /** What found no row of its own. */
  beyond = 0;

  constructor(streams: readonly string[]) {
    for (const stream of streams) this.streams.set(stream, { counts: noCounts(), samples: [] });
  }

  /** Messages of a kind, over all streams. */
  total(kind: Kind): number {
    return [...this.streams.values()].reduce((sum, { counts }) => sum + counts[kind], 0);
  }

  /** @param shown - Asked for a sample only: it costs as much as the rest. */
  add(timeMs: number, { messages, unknown, keptOut }: EventDiff, shown: () => Shown): void {
    this.events += 1;
    this.firstMs = Math.min(this.firstMs ?? timeMs, timeMs);
    this.lastMs = Math.max(this.lastMs ?? timeMs, timeMs);
    for (const message of messages) this.#addMessage(message, shown);
    if (unknown.length > 0) this.unknownEvents += 1;
    for (const { side, stream, rule, why } of unknown) {
      const row = this.#row(this.unknown, `${side} ${rule} ${stream}`, { side, stream, rule, events: 0, why });
      if (row !== null) row.events += 1;
    }
    for (const { stream, rule, term, isNobodys } of keptOut) {
      const row = this.#row(this.keptOut, `${rule} ${term} ${stream}`, { stream, rule, term, events: 0, nobodys: 0 });
      if (row === null) continue;
      row.events += 1;
      if (isNobodys) row.nobodys += 1;
    }
  }

  #addMessage(message: MessageDiff, shown: () => Shown): void {
    const { kind, stream, before, after } = message;
    const { destination, topic, target, outcome, rule } = after ?? before;
    const place = topic === null ? `${target} (${outcome})` : `${destination}:${topic}`;
    const of = this.streams.get(stream);
    if (of === undefined) return;
    of.counts[kind] += 1;
    const row = this.#row(this.targets, JSON.stringify([stream, place]), { stream, place, ...noCounts() });
    if (row !== null) row[kind] += 1;
    if (kind === "same" || of.samples.filter((sample) => sample.kind === kind).length >= SAMPLES_MAX) return;
    of.samples.push({ ...shown(), kind, place, rule, parts: message.kind === "changed" ? message.parts : [] });
  }

  #row<Row>(rows: Map<string, Row>, name: string, fresh: Row): Row | null {
    const found = rows.get(name);
    if (found !== undefined) return found;
    if (rows.size >= ROWS_MAX) {
      this.beyond += 1;
      return null;
    }
    rows.set(name, fresh);
    return fresh;
  }
}

function noCounts(): Counts {
  return { added: 0, gone: 0, changed: 0, same: 0 };
}
