/**
 * What the rules in shadow would have done: counted for each, with a few examples.
 *
 * Promise: nothing is sent, kept on disk or turned away for them, and no event waits. An example holds what a message
 * would show outside of its bodies, redacted as the stream redacts. Everything begins anew with the engine.
 */
import type { ShadowCounts } from "../observe/snapshot.ts";
import { printTarget } from "./match/print.ts";
import type { Selection } from "./match/select.ts";
import { shadowHits, type ShadowHit } from "./match/shadow.ts";
import { StreamIndex, type AskedEvent, type StreamRule } from "./match/stream-index.ts";
import { attributeText } from "./message/attribute-text.ts";
import type { MessageMaker, Prepared } from "./message/maker.ts";
import { isShadow, type HeaderSettings, type RuleSettings, type StreamSettings } from "./settings.ts";

/** A message that a shadow rule would have made. */
export interface ShadowMessage {
  /** `destination:topic`; the template where no topic can be made of it. */
  readonly target: string;
  readonly key: string;
  /** Why it would have been dead at once; null: it would have been sent. */
  readonly deadReason: string | null;
}

/** An event for which a shadow rule would have acted. */
export interface ShadowSample {
  /** When it began, milliseconds since 1970. */
  readonly timeMs: number;
  /** As messages carry it. */
  readonly eventId: string;
  readonly tenant: string;
  /** Method and path, or an agent's topic. */
  readonly subject: string;
  /** Empty for `ignore`. */
  readonly messages: readonly ShadowMessage[];
}

export interface ShadowState extends ShadowCounts {
  /** The newest last. */
  readonly samples: readonly ShadowSample[];
}

/** Enough to see what kind of event it is, few enough to be read. */
export const SAMPLES_MAX = 5;
/** A sample costs about what a message costs without its body, so a rule that holds for all traffic makes few. */
export const SAMPLE_INTERVAL_MS = 1_000;
/** At about 3 KiB a sample, all of them take 1.5 MiB at most, which go along with each snapshot. */
export const SAMPLED_RULES_MAX = 100;
const SUBJECT_CHARS_MAX = 256;

/** Filled in as headers are: redacted, without control characters, and left out where the event has no such word. */
const SUBJECT: readonly HeaderSettings[] = ["method", "path", "topic"].map((name) => ({ name, value: [{ name }] }));

interface Tally {
  matched: number;
  wouldAct: number;
  /** On the clock of the book. */
  sampledMs: number;
  readonly samples: ShadowSample[];
  readonly isSampled: boolean;
}

/** What passes the book by. */
export interface ShadowedEvent extends AskedEvent {
  /** By the same maker. */
  readonly prepared: Prepared;
  /** What the live rules chose. */
  readonly selections: readonly Selection[];
}

export class ShadowBook {
  readonly #index: StreamIndex;
  /** All rules in shadow, those of streams that are open to nobody included. */
  readonly #shadows: readonly StreamRule[];
  readonly #maker: MessageMaker;
  readonly #nowMs: () => number;
  readonly #tallies = new Map<RuleSettings, Tally>();

  private constructor(streams: readonly StreamSettings[], maker: MessageMaker, nowMs: () => number) {
    this.#index = new StreamIndex(streams, isShadow);
    this.#shadows = streams.flatMap((stream) => stream.rules.filter(isShadow).map((rule) => ({ stream, rule })));
    this.#maker = maker;
    this.#nowMs = nowMs;
    for (const { rule } of this.#shadows) {
      const isSampled = this.#tallies.size < SAMPLED_RULES_MAX;
      this.#tallies.set(rule, { matched: 0, wouldAct: 0, sampledMs: -Infinity, samples: [], isSampled });
    }
  }

  /**
   * Opens the book.
   *
   * @param nowMs - Milliseconds that only grow, so that a clock that is set back ends no sampling.
   * @returns Null where no rule is in shadow, so that nothing is asked of any event.
   */
  static of(streams: readonly StreamSettings[], maker: MessageMaker, nowMs: () => number = () => performance.now()): ShadowBook | null {
    return streams.some(({ rules }) => rules.some(isShadow)) ? new ShadowBook(streams, maker, nowMs) : null;
  }

  /** Counts what the shadow rules would do with an event, once it was taken. */
  look(passing: ShadowedEvent): void {
    const holding = this.#index.find(passing).map((number) => this.#index.rules[number] as StreamRule);
    for (const hit of shadowHits(holding, passing.attributes, passing.selections)) {
      const tally = this.#tallies.get(hit.rule);
      if (tally === undefined) continue;
      tally.matched += 1;
      if (!hit.acts) continue;
      tally.wouldAct += 1;
      if (tally.isSampled) this.#sample(tally, hit, passing);
    }
  }

  /** One row for each shadow rule, in the order of streams and rules. */
  state(): readonly ShadowState[] {
    return this.#shadows.map(({ stream, rule }) => {
      const { matched = 0, wouldAct = 0, samples = [] } = this.#tallies.get(rule) ?? {};
      return { stream: stream.id, rule: rule.number, action: rule.action, matched, wouldAct, samples: [...samples] };
    });
  }

  #sample(tally: Tally, hit: ShadowHit, passing: ShadowedEvent): void {
    const nowMs = this.#nowMs();
    if (nowMs - tally.sampledMs < SAMPLE_INTERVAL_MS) return;
    tally.sampledMs = nowMs;
    // A clone, since a text that was cut out of a body keeps the whole body in memory.
    tally.samples.push(structuredClone(this.#sampleOf(hit, passing)));
    if (tally.samples.length > SAMPLES_MAX) tally.samples.shift();
  }

  #sampleOf({ stream, targets }: ShadowHit, { event, attributes, prepared }: ShadowedEvent): ShadowSample {
    const subject = this.#maker.headers(prepared, stream, { headers: SUBJECT }, attributes);
    const key = targets.length === 0 ? "" : this.#maker.key(prepared, stream, attributes);
    const messages = targets.map((target): ShadowMessage => {
      const topic = this.#maker.topic(prepared, stream, target.topic, attributes);
      if (!topic.ok) return { target: printTarget(target), key, deadReason: topic.reason };
      return { target: `${target.destination}:${topic.topic}`, key, deadReason: null };
    });
    return {
      timeMs: event.timeMs,
      eventId: attributeText(event.id),
      tenant: attributeText(event.identity.tenant),
      subject: attributeText(subject.headers.map(([, value]) => value).join(" "), SUBJECT_CHARS_MAX),
      messages,
    };
  }
}
