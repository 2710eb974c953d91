/**
 * Judges the live rules of streams by events that were read back: which hold, and of which it can't be told.
 *
 * Promise: it says what `evaluate` says of each rule, at a cost that hardly grows with their number. The index, which
 * knows of holding only, answers for rules whose values the event tells for sure; the others, mostly few, are evaluated.
 */
import { REGEX_INPUT_CHARACTERS_MAX } from "./match/bounds.ts";
import { attributesOf } from "./match/attributes.ts";
import { evaluate, valuesOf } from "./match/evaluate.ts";
import type { Attribute, Attributes, ContentPart, Criteria } from "./match/rule.ts";
import { isOpenTo } from "./match/select.ts";
import { StreamIndex, type StreamRule } from "./match/stream-index.ts";
import type { ReadBack } from "./message/read-back.ts";
import { isShadow, type StreamSettings } from "./settings.ts";

/** What the answer of some rules hangs on. */
interface Asked {
  readonly attribute: Exclude<Attribute, { readonly kind: "content" }> | { readonly kind: "part"; readonly part: ContentPart };
  /** Asked by a regular expression, which isn't tried on long values. */
  readonly isByRegex: boolean;
  /** Numbers of the rules, rising. */
  readonly rules: number[];
}

/** Both in the order of streams and rules, of streams that are open to the event's tenant. */
export interface JudgedRules {
  readonly holding: readonly StreamRule[];
  /** The event doesn't tell what they ask for any more, or it is too long for them. */
  readonly unknown: readonly StreamRule[];
}

export class ReadBackRules {
  readonly #index: StreamIndex;
  readonly #asked: readonly Asked[];
  readonly #all: readonly number[];

  /** @param streams - Compiled once; they don't change. Shadow rules are passed over. */
  constructor(streams: readonly StreamSettings[]) {
    this.#index = new StreamIndex(streams, (rule) => !isShadow(rule));
    const asked = new Map<string, Asked>();
    for (const [number, { rule }] of this.#index.rules.entries()) addAsked(rule.criteria, number, asked);
    this.#asked = [...asked.values()];
    this.#all = this.#index.rules.map((_, number) => number);
  }

  judge(read: ReadBack): JudgedRules {
    const { event, attributes, content } = read;
    const doubted = this.#doubted(read);
    const holding = this.#index.find({ event, attributes, content }).filter((number) => !doubted.has(number));
    const unknown: number[] = [];
    for (const number of doubted) {
      const { stream, rule } = this.#index.rules[number] as StreamRule;
      if (!isOpenTo(stream, event.identity.tenant)) continue;
      const truth = evaluate(rule.criteria, attributes);
      if (truth === true) holding.push(number);
      else if (truth === null) unknown.push(number);
    }
    return { holding: this.#inOrder(holding), unknown: this.#inOrder(unknown) };
  }

  #inOrder(numbers: readonly number[]): readonly StreamRule[] {
    return numbers.toSorted((left, right) => left - right).map((number) => this.#index.rules[number] as StreamRule);
  }

  /** Rules that ask for something that the index can't be given as rules see it. */
  #doubted(read: ReadBack): ReadonlySet<number> {
    // Whom a stream is open to is a term of its rules in the index.
    if (read.attributes.word("TENANT") !== read.event.identity.tenant) return new Set(this.#all);
    const plain = attributesOf(read.event, read.content);
    const doubted = new Set<number>();
    for (const asked of this.#asked) if (isDoubtful(asked, read, plain)) for (const number of asked.rules) doubted.add(number);
    return doubted;
  }
}

function isDoubtful({ attribute, isByRegex }: Asked, { attributes, content, tellsAll }: ReadBack, plain: Attributes): boolean {
  const isLong = (value: string): boolean => isByRegex && value.length > REGEX_INPUT_CHARACTERS_MAX;
  if (attribute.kind === "part") {
    if (!tellsAll(attribute.part)) return true;
    const document = content.document(attribute.part);
    return document instanceof Object && isLong(document.text);
  }
  const values = valuesOf(attribute, attributes);
  if (values === null || values?.some(isLong) === true) return true;
  // The index is given headers as the event has them: without one that named a coding which was undone.
  return attribute.kind !== "word" && String(values) !== String(valuesOf(attribute, plain));
}

function addAsked(criteria: Criteria, number: number, asked: Map<string, Asked>): void {
  switch (criteria.kind) {
    case "and":
    case "or":
      for (const part of criteria.of) addAsked(part, number, asked);
      return;
    case "not":
      addAsked(criteria.of, number, asked);
      return;
    default:
      addTerm(criteria.attribute, criteria.kind === "regex", number, asked);
  }
}

function addTerm(of: Attribute, isByRegex: boolean, number: number, asked: Map<string, Asked>): void {
  // One entry for all pointers into a part: there may be as many as rules.
  const isState = of.kind === "word" && of.word === "STATE";
  const attribute = of.kind === "content" ? ({ kind: "part", part: of.part } as const) : isState ? STATE_PART : of;
  const name = JSON.stringify([attribute, isByRegex]);
  const found = asked.get(name);
  if (found === undefined) asked.set(name, { attribute, isByRegex, rules: [number] });
  else if (found.rules.at(-1) !== number) found.rules.push(number);
}

/** STATE comes out of an agent's payload. */
const STATE_PART = { kind: "part", part: "payload" } as const;
