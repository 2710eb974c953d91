/**
 * Says of an event what other rules would make of it: which messages come, go or change.
 *
 * Promise: both sides go the way of the flow. What the event doesn't tell any more, since it was removed or cut, is no
 * "no": it is told which rules can't be judged for want of it.
 */
import { randomBytes } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { DryRun, type DryMessage, type DrySettings } from "./dry-run.ts";
import { ContentValues } from "./content/pointers.ts";
import { evaluate, valuesOf } from "./match/evaluate.ts";
import type { Attributes, Criteria } from "./match/rule.ts";
import { isOpenTo, selectFrom } from "./match/select.ts";
import type { StreamRule } from "./match/stream-index.ts";
import { REDACTION_KEY_BYTES } from "./message/maker.ts";
import type { ReadBack } from "./message/read-back.ts";
import { ReadBackRules, type JudgedRules } from "./read-back-rules.ts";
import { isShadow, type StreamSettings } from "./settings.ts";
import { changedParts, type ChangedPart } from "./changed-parts.ts";

export type Side = "old" | "new";

/** What becomes of one message. */
export type MessageDiff =
  | { readonly kind: "same"; readonly stream: string; readonly before: DryMessage; readonly after: DryMessage }
  | {
      readonly kind: "changed";
      readonly stream: string;
      readonly before: DryMessage;
      readonly after: DryMessage;
      readonly parts: readonly ChangedPart[];
    }
  | { readonly kind: "added"; readonly stream: string; readonly before: null; readonly after: DryMessage }
  | { readonly kind: "gone"; readonly stream: string; readonly before: DryMessage; readonly after: null };

export interface RuleName {
  readonly side: Side;
  readonly stream: string;
  /** Place in its descriptor, from 1. */
  readonly rule: number;
}

/** A rule that can't be judged. */
export interface UnknownRule extends RuleName {
  readonly why: string;
}

/** A term that alone keeps an event out of a rule of the new side. */
export interface KeptOut {
  readonly stream: string;
  readonly rule: number;
  /** Place of the term among those that the rule joins by AND, from 0. */
  readonly term: number;
  /** The stream makes no message of the event. */
  readonly isNobodys: boolean;
}

export interface EventDiff {
  readonly messages: readonly MessageDiff[];
  readonly unknown: readonly UnknownRule[];
  readonly keptOut: readonly KeptOut[];
}

export interface RuleDiffOptions {
  /** Look for the terms that keep events out, also in streams that are alike. */
  readonly wider: boolean;
}

export class RuleDiff {
  readonly #limits: Readonly<Record<Side, DrySettings["limits"]>>;
  readonly #runs: Readonly<Record<Side, DryRun>>;
  /** Both sides' at once: most of their terms are alike, and are asked once. */
  readonly #rules: ReadBackRules;
  readonly #sideOf: ReadonlyMap<StreamSettings, Side>;
  /** Of the new side; empty unless they are asked for. */
  readonly #widened: readonly StreamSettings[];
  /** Ids of streams that are alike on both sides: no message of theirs can change, and they aren't looked at. */
  readonly alike: readonly string[];
  /** Ids of the others, those of the new side first. */
  readonly differing: readonly string[];
  /** Rules of these that make messages. */
  readonly publishing: readonly RuleName[];

  constructor(before: DrySettings, after: DrySettings, { wider }: RuleDiffOptions) {
    const others = new Map(before.streams.map((stream) => [stream.id, stream]));
    const isShared = !wider && isDeepStrictEqual([before.env, before.limits], [after.env, after.limits]);
    const alike = new Set(after.streams.filter((stream) => isShared && areAlike(stream, others.get(stream.id))).map(({ id }) => id));
    const differing = ({ streams }: DrySettings): readonly StreamSettings[] =>
      // With a revision of its own each message would differ.
      streams.filter(({ id }) => !alike.has(id)).map((stream) => ({ ...stream, revision: "" }));
    const sides = { old: differing(before), new: differing(after) };
    this.alike = [...alike];
    this.differing = [...new Set([...sides.new, ...sides.old].map(({ id }) => id))];
    this.publishing = (["old", "new"] as const).flatMap((side) =>
      sides[side].flatMap(({ id, rules }) =>
        rules.filter((rule) => rule.action === "publish" && !isShadow(rule)).map(({ number }) => ({ side, stream: id, rule: number })),
      ),
    );
    this.#rules = new ReadBackRules([...sides.old, ...sides.new]);
    this.#sideOf = new Map((["old", "new"] as const).flatMap((side) => sides[side].map((stream) => [stream, side] as const)));
    this.#widened = wider ? sides.new : [];
    this.#limits = { old: before.limits, new: after.limits };
    // Under one key, so that hashes of what is removed are alike.
    const redactionKey = randomBytes(REDACTION_KEY_BYTES);
    const run = (settings: DrySettings, side: Side): DryRun =>
      new DryRun({ ...settings, instance: "", streams: sides[side] }, { redactionKey });
    this.#runs = { old: run(before, "old"), new: run(after, "new") };
  }

  /** @param read - Read under the limits of the new side. */
  compare(read: ReadBack): EventDiff {
    const judged = this.#rules.judge(read);
    const [before, after] = [this.#made("old", judged, read), this.#made("new", judged, read)];
    const unknown = judged.unknown.map(({ stream, rule: { number, criteria } }) => ({
      side: this.#side(stream),
      stream: stream.id,
      rule: number,
      why: whyOf(criteria, read.attributes, read.whyUnknown) ?? "a value is too long for it",
    }));
    return { messages: paired(before, after), unknown, keptOut: this.#keptOut(read, judged, after) };
  }

  #side(stream: StreamSettings): Side {
    return this.#sideOf.get(stream) as Side;
  }

  #made(side: Side, { holding }: JudgedRules, { event, attributes, content }: ReadBack): readonly DryMessage[] {
    const selections = byStream(holding.filter(({ stream }) => this.#side(stream) === side)).flatMap(([stream, rules]) =>
      selectFrom(stream, rules, () => true),
    );
    const limits = this.#limits[side];
    const isSameReading = limits.decodedBytesMax === this.#limits.new.decodedBytesMax;
    const asked = { event, attributes, content: isSameReading ? content : new ContentValues(event, limits) };
    return this.#runs[side].make(asked, selections).filter(({ outcome }) => outcome !== "repeated");
  }

  #keptOut({ event, attributes }: ReadBack, { holding }: JudgedRules, after: readonly DryMessage[]): readonly KeptOut[] {
    if (this.#widened.length === 0) return [];
    // What a rule ignores wouldn't become a message, whatever another rule asks for.
    const ignored = new Set(holding.filter(({ rule }) => rule.action === "ignore").map(({ stream }) => stream));
    return this.#widened
      .filter((stream) => isOpenTo(stream, event.identity.tenant) && !ignored.has(stream))
      .flatMap((stream) =>
        stream.rules.flatMap((rule): readonly KeptOut[] => {
          if (rule.action !== "publish" || isShadow(rule) || rule.criteria.kind !== "and") return [];
          const term = onlyFalse(rule.criteria.of, attributes);
          if (term === null) return [];
          return [{ stream: stream.id, rule: rule.number, term, isNobodys: !after.some((message) => message.stream === stream.id) }];
        }),
      );
  }
}

/** @param rules - Those of a stream stand one after another. */
function byStream(rules: readonly StreamRule[]): readonly (readonly [StreamSettings, StreamRule["rule"][]])[] {
  const streams = new Map<StreamSettings, StreamRule["rule"][]>();
  for (const { stream, rule } of rules) {
    const others = streams.get(stream);
    if (others === undefined) streams.set(stream, [rule]);
    else others.push(rule);
  }
  return [...streams];
}

function areAlike(stream: StreamSettings, other: StreamSettings | undefined): boolean {
  return other !== undefined && stream.revision === other.revision && isDeepStrictEqual(stream.tenants, other.tenants);
}

/** The one term that is false where all others are true; null: there is none, or several. */
function onlyFalse(terms: readonly Criteria[], attributes: Attributes): number | null {
  let found: number | null = null;
  for (const [place, term] of terms.entries()) {
    const truth = evaluate(term, attributes);
    if (truth === true) continue;
    if (truth === null || found !== null) return null;
    found = place;
  }
  return found;
}

/** Why the first term that isn't known isn't. */
function whyOf(criteria: Criteria, attributes: Attributes, whyUnknown: ReadBack["whyUnknown"]): string | null {
  switch (criteria.kind) {
    case "not":
      return whyOf(criteria.of, attributes, whyUnknown);
    case "and":
    case "or":
      for (const part of criteria.of) {
        const why = whyOf(part, attributes, whyUnknown);
        if (why !== null) return why;
      }
      return null;
    default:
      return valuesOf(criteria.attribute, attributes) === null ? whyUnknown(criteria.attribute) : null;
  }
}

/** Messages of the same stream for the same topic belong together; what is left, in order, by its destination. */
function paired(before: readonly DryMessage[], after: readonly DryMessage[]): readonly MessageDiff[] {
  const open = new Set(before);
  const take = (message: DryMessage, isPartner: (other: DryMessage) => boolean): DryMessage | null => {
    for (const other of open) {
      if (other.stream !== message.stream || other.destination !== message.destination || !isPartner(other)) continue;
      open.delete(other);
      return other;
    }
    return null;
  };
  const partners = new Map(after.map((message) => [message, take(message, ({ topic }) => topic === message.topic)]));
  const found = after.map((message) => pairOf(partners.get(message) ?? take(message, () => true), message));
  return [...found, ...[...open].map((message): MessageDiff => ({ kind: "gone", stream: message.stream, before: message, after: null }))];
}

function pairOf(before: DryMessage | null, after: DryMessage): MessageDiff {
  const { stream } = after;
  if (before === null) return { kind: "added", stream, before, after };
  const parts = changedParts(before, after);
  return parts.length === 0 ? { kind: "same", stream, before, after } : { kind: "changed", stream, before, after, parts };
}
