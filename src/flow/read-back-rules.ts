/**
 * Judges the live rules of streams by events that were read back: which hold, and of which it can't be told.
 *
 * Promise: it says what `evaluate` says of each rule, at a cost that hardly grows with their number. The index, which
 * knows of holding only, answers for rules whose values the event tells for sure; the others, mostly few, are evaluated.
 */
import { REGEX_INPUT_CHARACTERS_MAX } from "./match/bounds.ts";
import { attributesOf } from "./match/attributes.ts";
import { evaluate, isFromContent, valuesOf } from "./match/evaluate.ts";
import type { Attribute, Attributes, ContentPart, Criteria } from "./match/rule.ts";
import { isOpenTo } from "./match/select.ts";
import { StreamIndex, type AskedEvent, type StreamRule } from "./match/stream-index.ts";
import type { ReadBack } from "./message/read-back.ts";
import { isShadow, type RuleSettings, type StreamSettings } from "./settings.ts";

/** Something that rules ask for: an attribute, or any place in a part. */
interface Asked {
  readonly attribute: Exclude<Attribute, { readonly kind: "content" }> | { readonly kind: "part"; readonly part: ContentPart };
  /** Asked by a regular expression, which isn't tried on long values. */
  readonly isByRegex: boolean;
  readonly rules: Set<number>;
}

/** Both in the order of streams and rules, of streams that are open to the event's tenant. */
export interface JudgedRules {
  readonly holding: readonly StreamRule[];
  /** The event doesn't tell what they ask for any more, or it is too long for them. */
  readonly unknown: readonly StreamRule[];
}

export class ReadBackRules {
  readonly #index: StreamIndex;
  readonly #plain: readonly Asked[];
  readonly #parts: readonly Asked[];
  readonly #contentRules: ContentRules;

  /** @param streams - Compiled once; they don't change. Shadow rules are passed over. */
  constructor(streams: readonly StreamSettings[]) {
    this.#index = new StreamIndex(streams, (rule) => !isShadow(rule));
    const asked = new Map<string, Asked>();
    for (const [number, { rule }] of this.#index.rules.entries()) addAsked(rule.criteria, number, asked);
    this.#plain = [...asked.values()].filter(({ attribute }) => attribute.kind !== "part");
    this.#parts = [...asked.values()].filter(({ attribute }) => attribute.kind === "part");
    this.#contentRules = new ContentRules(streams, this.#index.rules);
  }

  judge(read: ReadBack): JudgedRules {
    const { event, attributes } = read;
    const doubted = this.#doubted(read);
    const holding = this.#index.find(read).filter((number) => !doubted.has(number));
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

  /** Rules that may hold, or be unknown, by something that the index can't be given as rules see it. */
  #doubted(read: ReadBack): ReadonlySet<number> {
    // Whom a stream is open to is a term of its rules in the index.
    if (read.attributes.word("TENANT") !== read.event.identity.tenant) return new Set(this.#index.rules.keys());
    const plain = attributesOf(read.event, read.content);
    const doubted = new Set<number>();
    for (const asked of this.#plain) if (isDoubtful(asked, read, plain)) for (const number of asked.rules) doubted.add(number);
    const parts = this.#parts.filter((asked) => isDoubtful(asked, read, plain));
    if (parts.length === 0) return doubted;
    for (const number of this.#contentRules.find(read)) if (parts.some(({ rules }) => rules.has(number))) doubted.add(number);
    return doubted;
  }
}

/**
 * Rules that ask for content, whatever it may be: a body that was cut would leave each of them in doubt, but most are
 * ruled out by their other terms.
 */
class ContentRules {
  readonly #index: StreamIndex;
  readonly #numbers = new Map<RuleSettings, number>();
  /** Numbers of those that content alone may decide. */
  readonly #always: number[] = [];

  constructor(streams: readonly StreamSettings[], rules: readonly StreamRule[]) {
    const relaxed = new Map<StreamSettings, RuleSettings[]>(streams.map((stream) => [stream, []]));
    for (const [number, { stream, rule }] of rules.entries()) {
      const criteria = withoutContent(rule.criteria, false);
      if (criteria === null) this.#always.push(number);
      else {
        const other = { ...rule, criteria };
        this.#numbers.set(other, number);
        relaxed.get(stream)?.push(other);
      }
    }
    this.#index = new StreamIndex(
      streams.map((stream) => ({ ...stream, rules: relaxed.get(stream) ?? [] })),
      () => true,
    );
  }

  /** Numbers of the rules whose other terms don't rule them out; in no order. */
  find(asked: AskedEvent): readonly number[] {
    const found = this.#index.find(asked).map((number) => this.#numbers.get((this.#index.rules[number] as StreamRule).rule) as number);
    return [...this.#always, ...found];
  }
}

/** What has to hold whatever content there is: where it is false, so are the criteria. Null: there is no such thing. */
function withoutContent(criteria: Criteria, isNegated: boolean): Criteria | null {
  switch (criteria.kind) {
    case "not":
      return withoutContent(criteria.of, !isNegated);
    case "and":
    case "or": {
      const parts = criteria.of.map((part) => withoutContent(part, isNegated));
      const known = parts.filter((part) => part !== null);
      const isAnd = (criteria.kind === "and") !== isNegated;
      if (known.length === 0 || (!isAnd && known.length < parts.length)) return null;
      return known.length === 1 ? (known[0] as Criteria) : { kind: isAnd ? "and" : "or", of: known };
    }
    default:
      if (isFromContent(criteria.attribute)) return null;
      return isNegated ? { kind: "not", of: criteria } : criteria;
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
  // One entry for all pointers into a part: there may be as many as rules. STATE comes out of an agent's payload.
  const part = of.kind === "content" ? of.part : "payload";
  const attribute = of.kind === "content" || isFromContent(of) ? ({ kind: "part", part } as const) : of;
  const name = JSON.stringify([attribute, isByRegex]);
  const found = asked.get(name);
  if (found === undefined) asked.set(name, { attribute, isByRegex, rules: new Set([number]) });
  else found.rules.add(number);
}
