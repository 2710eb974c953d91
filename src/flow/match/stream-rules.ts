/**
 * The live rules of all streams in one index: chooses what becomes of an event.
 *
 * Promise: it chooses what {@link select}, which looks at each rule, would choose, at a cost that hardly grows with the
 * number of streams and rules.
 */
import type { ContentValues } from "../content/pointers.ts";
import type { IdentifiedEvent } from "../event.ts";
import { isShadow, type RuleSettings, type StreamSettings } from "../settings.ts";
import { asText } from "./attributes.ts";
import { isFromContent, WORDS_FROM_CONTENT } from "./evaluate.ts";
import { printTarget } from "./print.ts";
import type { Attributes, Criteria, ReservedWord } from "./rule.ts";
import { isOpenTo, type Selection } from "./select.ts";
import { tellContent } from "./rule-index/content-texts.ts";
import { IndexedRules } from "./rule-index/indexed-rules.ts";
import type { Spellings } from "./rule-index/spellings.ts";

/** A stream that is open to so few tenants has them among its rules' terms; of any other it is looked up afterwards. */
const TENANTS_IN_RULES_MAX = 64;
interface StreamPart {
  readonly stream: StreamSettings;
  readonly looksUpTenant: boolean;
  /** A rule that publishes may hold only once content was read. */
  readonly publishesByContent: boolean;
}

interface RulePart {
  readonly of: StreamPart;
  readonly rule: RuleSettings;
  readonly ignores: boolean;
  /** Numbers of its targets: alike within a stream where destination and topic template are. */
  readonly targets: readonly number[];
}

export class StreamRules {
  readonly #index = new IndexedRules(WORDS_FROM_CONTENT);
  /** By the rule's number in the index: in the order of streams and rules. */
  readonly #parts: RulePart[] = [];
  readonly #words: readonly { readonly number: number; readonly word: ReservedWord }[];
  #event: { readonly attributes: Attributes; readonly content: ContentValues } | null = null;

  /** @param streams - Compiled once; they don't change. */
  constructor(streams: readonly StreamSettings[]) {
    for (const stream of streams) if (stream.tenants === "all" || stream.tenants.length > 0) this.#add(stream);
    this.#index.ready();
    this.#words = this.#index.vocabulary.attributes.flatMap((entry) =>
      entry?.attribute.kind === "word" && !entry.isContent ? [{ number: entry.number, word: entry.attribute.word }] : [],
    );
  }

  /** Messages for an event, in the order of streams and rules: at most one per stream and target. */
  select(event: IdentifiedEvent, attributes: Attributes, content: ContentValues): readonly Selection[] {
    this.#event = { attributes, content };
    this.#index.values.begin(this.#readContent, null, null);
    this.#feed(event, attributes);
    const found = this.#index.run(this.#unwanted);
    this.#event = null;
    return found.length === 0 ? NOTHING : this.#selections(found, event.identity.tenant);
  }

  #add(stream: StreamSettings): void {
    const { tenants } = stream;
    const live = stream.rules.filter((rule) => !isShadow(rule));
    const inRules = tenants !== "all" && tenants.length <= TENANTS_IN_RULES_MAX;
    const of: StreamPart = {
      stream,
      looksUpTenant: tenants !== "all" && !inRules,
      publishesByContent: live.some(({ action, criteria }) => action === "publish" && looksIntoContent(criteria)),
    };
    const names = new Map<string, number>();
    const numberOf = (name: string): number => names.get(name) ?? (names.set(name, names.size), names.size - 1);
    for (const rule of live) {
      const number = this.#parts.length;
      const targets = rule.targets.map((target) => numberOf(printTarget(target)));
      this.#parts.push({ of, rule, ignores: rule.action === "ignore", targets });
      this.#index.add(number, inRules ? { kind: "and", of: [tenantIn(tenants), rule.criteria] } : rule.criteria);
    }
  }

  #feed({ transaction }: IdentifiedEvent, attributes: Attributes): void {
    const { values, names } = this.#index;
    for (const { number, word } of this.#words) {
      const value = attributes.word(word);
      if (typeof value === "string") values.add(number, value);
    }
    if (transaction === null) return;
    this.#feedHeaders(transaction.requestHeaders, names.requestHeaders);
    this.#feedHeaders(transaction.responseHeaders, names.responseHeaders);
  }

  #feedHeaders(list: readonly string[], spellings: Spellings): void {
    spellings.begin();
    for (let index = 0; index + 1 < list.length; index += 2) {
      const number = spellings.next(list[index] as string);
      if (number >= 0) this.#index.values.add(number, asText(list[index + 1] as string));
    }
  }

  readonly #readContent = (number: number): void => {
    const { attribute } = this.#index.vocabulary.entry(number);
    const { values, vocabulary } = this.#index;
    if (this.#event === null) return;
    if (attribute.kind === "content") {
      tellContent(vocabulary, values, attribute.part, this.#event.content.document(attribute.part));
    } else if (attribute.kind === "word") {
      const value = this.#event.attributes.word(attribute.word);
      values.setContent(number, typeof value === "string" ? [value] : value);
    }
  };

  /** Content is not read for a rule whose targets all have their message, nor for one that would silence nothing. */
  readonly #unwanted = (number: number, found: readonly number[]): boolean => {
    const { of, targets, ignores } = this.#parts[number] as RulePart;
    const others = found.map((each) => this.#parts[each] as RulePart).filter((other) => other.of === of && !other.ignores);
    if (ignores) return others.length === 0 && !of.publishesByContent;
    const earlier = others.filter(({ rule }) => rule.number < (this.#parts[number] as RulePart).rule.number);
    return targets.every((target) => earlier.some((other) => other.targets.includes(target)));
  };

  #selections(found: readonly number[], tenant: string): readonly Selection[] {
    const selections: Selection[] = [];
    for (let first = 0; first < found.length;) {
      const { of } = this.#parts[found[first] as number] as RulePart;
      let next = first + 1;
      while (next < found.length && (this.#parts[found[next] as number] as RulePart).of === of) next += 1;
      if (!of.looksUpTenant || isOpenTo(of.stream, tenant)) this.#selectFrom(of.stream, found, first, next, selections);
      first = next;
    }
    return selections;
  }

  /** Adds what one stream makes of the event, from its rules that hold. */
  #selectFrom(stream: StreamSettings, found: readonly number[], first: number, next: number, selections: Selection[]): void {
    for (let at = first; at < next; at += 1) if ((this.#parts[found[at] as number] as RulePart).ignores) return;
    const taken = new Set<number>();
    for (let at = first; at < next; at += 1) {
      const { rule, targets } = this.#parts[found[at] as number] as RulePart;
      for (const [place, target] of rule.targets.entries()) {
        const number = targets[place] as number;
        if (taken.has(number)) continue;
        taken.add(number);
        selections.push({ stream, rule, target });
      }
    }
  }
}

const NOTHING: readonly Selection[] = [];

function tenantIn(tenants: readonly string[]): Criteria {
  return { kind: "in", attribute: { kind: "word", word: "TENANT" }, operands: tenants.map((text) => ({ text, stem: false })) };
}

function looksIntoContent(criteria: Criteria): boolean {
  switch (criteria.kind) {
    case "and":
    case "or":
      return criteria.of.some(looksIntoContent);
    case "not":
      return looksIntoContent(criteria.of);
    default:
      return isFromContent(criteria.attribute);
  }
}
