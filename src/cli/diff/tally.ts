/**
 * Sums up what would change over many events.
 *
 * Promise: bounded, however many events there are: what is beyond a bound is counted and told as such.
 */
import type { EventDiff, MessageDiff, RuleName } from "../../flow/rule-diff.ts";
import type { ChangedPart } from "../../flow/changed-parts.ts";

/** Enough to see what kind of event it is. */
export const SAMPLES_MAX = 5;
/** Rows of a table, over all streams; what finds no row is summed in one more. */
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

/** Each rule that makes messages has one, whether it made any or not. */
export interface RuleRow extends RuleName {
  messages: number;
}

export interface UnknownRow extends RuleName {
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

/** Rows by name, as many as there may be. */
export class Rows<Row> {
  readonly #rows = new Map<string, Row>();
  /** What found no row of its own; null: all did. */
  rest: Row | null = null;

  /** The row of a name, which is made the first time. */
  of(name: string, fresh: () => Row): Row {
    const found = this.#rows.get(name);
    if (found !== undefined) return found;
    if (this.#rows.size >= ROWS_MAX) return (this.rest ??= fresh());
    const row = fresh();
    this.#rows.set(name, row);
    return row;
  }

  get all(): readonly Row[] {
    return [...this.#rows.values()];
  }
}

export class Tally {
  events = 0;
  firstMs: number | null = null;
  lastMs: number | null = null;
  readonly streams = new Map<string, { readonly counts: Counts; readonly samples: Sample[] }>();
  readonly targets = new Rows<TargetRow>();
  readonly unknown = new Rows<UnknownRow>();
  /** Events of which at least one rule is unknown. */
  unknownEvents = 0;
  readonly keptOut = new Rows<KeptOutRow>();
  /** As many as there are rules, whatever the traffic. */
  readonly #rules = new Map<string, RuleRow>();

  /** @param rules - Those that may make messages, of streams that differ. */
  constructor(streams: readonly string[], rules: readonly RuleName[]) {
    for (const stream of streams) this.streams.set(stream, { counts: noCounts(), samples: [] });
    for (const rule of rules) this.#rules.set(nameOf(rule), { ...rule, messages: 0 });
  }

  get rules(): readonly RuleRow[] {
    return [...this.#rules.values()];
  }

  /** @param shown - Asked for a sample only: it costs as much as the rest. */
  add(timeMs: number, { messages, unknown, keptOut }: EventDiff, shown: () => Shown): void {
    this.events += 1;
    this.firstMs = Math.min(this.firstMs ?? timeMs, timeMs);
    this.lastMs = Math.max(this.lastMs ?? timeMs, timeMs);
    for (const message of messages) this.#addMessage(message, shown);
    if (unknown.length > 0) this.unknownEvents += 1;
    for (const { side, stream, rule, why } of unknown)
      this.unknown.of(nameOf({ side, stream, rule }), () => ({ side, stream, rule, events: 0, why })).events += 1;
    for (const { stream, rule, term, isNobodys } of keptOut) {
      const row = this.keptOut.of(`${rule} ${term} ${stream}`, () => ({ stream, rule, term, events: 0, nobodys: 0 }));
      row.events += 1;
      if (isNobodys) row.nobodys += 1;
    }
  }

  #addMessage(message: MessageDiff, shown: () => Shown): void {
    const { kind, stream, before, after } = message;
    const { destination, topic, target, outcome, rule } = after ?? before;
    const place = topic === null ? `${target} (${outcome})` : `${destination}:${topic}`;
    if (before !== null) this.#count({ side: "old", stream, rule: before.rule });
    if (after !== null) this.#count({ side: "new", stream, rule: after.rule });
    const of = this.streams.get(stream);
    if (of === undefined) return;
    of.counts[kind] += 1;
    this.targets.of(JSON.stringify([stream, place]), () => ({ stream, place, ...noCounts() }))[kind] += 1;
    if (kind === "same" || of.samples.filter((sample) => sample.kind === kind).length >= SAMPLES_MAX) return;
    of.samples.push({ ...shown(), kind, place, rule, parts: message.kind === "changed" ? message.parts : [] });
  }

  #count(rule: RuleName): void {
    const row = this.#rules.get(nameOf(rule));
    if (row !== undefined) row.messages += 1;
  }
}

function nameOf({ side, stream, rule }: RuleName): string {
  return `${side} ${rule} ${stream}`;
}

/** How many messages there would be before and after. */
export function sidesOf({ added, gone, changed, same }: Counts): { readonly before: number; readonly after: number } {
  return { before: gone + changed + same, after: added + changed + same };
}

export function noCounts(): Counts {
  return { added: 0, gone: 0, changed: 0, same: 0 };
}
