/**
 * Chosen rules of all streams in one index: tells which of them hold for an event, at a cost that hardly grows with the
 * number of streams and rules.
 */
import type { ContentValues } from "../content/pointers.ts";
import type { IdentifiedEvent } from "../event.ts";
import type { RuleSettings, StreamSettings } from "../settings.ts";
import { asText } from "./attributes.ts";
import { WORDS_FROM_CONTENT } from "./evaluate.ts";
import type { Attributes, Criteria, ReservedWord } from "./rule.ts";
import { isOpenTo } from "./select.ts";
import { tellContent } from "./rule-index/content-texts.ts";
import { IndexedRules } from "./rule-index/indexed-rules.ts";
import type { Unwanted } from "./rule-index/matcher.ts";
import type { Spellings } from "./rule-index/spellings.ts";

/** A stream that is open to so few tenants has them among its rules' terms; of any other it is looked up afterwards. */
const TENANTS_IN_RULES_MAX = 64;

/** A rule with its stream. */
export interface StreamRule {
  readonly stream: StreamSettings;
  readonly rule: RuleSettings;
}

/** An event with what rules ask of it. */
export interface AskedEvent {
  readonly event: IdentifiedEvent;
  readonly attributes: Attributes;
  readonly content: ContentValues;
}

export class StreamIndex {
  readonly #rules: StreamRule[] = [];
  readonly #index = new IndexedRules(WORDS_FROM_CONTENT);
  readonly #words: readonly { readonly number: number; readonly word: ReservedWord }[];
  #asked: AskedEvent | null = null;

  /** @param streams - Compiled once; they don't change. Of streams that are open to nobody no rule is taken. */
  constructor(streams: readonly StreamSettings[], isChosen: (rule: RuleSettings) => boolean) {
    for (const stream of streams) if (stream.tenants === "all" || stream.tenants.length > 0) this.#add(stream, isChosen);
    this.#index.ready();
    this.#words = this.#index.vocabulary.attributes.flatMap((entry) =>
      entry?.attribute.kind === "word" && !entry.isContent ? [{ number: entry.number, word: entry.attribute.word }] : [],
    );
  }

  /** By number, which rises in the order of streams and rules. */
  get rules(): readonly StreamRule[] {
    return this.#rules;
  }

  /**
   * Numbers of the rules that hold and whose stream is open to the event's tenant, rising.
   *
   * @param unwanted - Asked before content is read for a rule; absent: every rule is wanted.
   */
  find(asked: AskedEvent, unwanted?: Unwanted): readonly number[] {
    this.#asked = asked;
    this.#index.values.begin(this.#readContent, null, null);
    this.#feed(asked);
    const found = this.#index.run(unwanted);
    this.#asked = null;
    const { tenant } = asked.event.identity;
    return found.every((number) => this.#isOpen(number, tenant)) ? found : found.filter((number) => this.#isOpen(number, tenant));
  }

  #isOpen(number: number, tenant: string): boolean {
    const { stream } = this.#rules[number] as StreamRule;
    return isInRules(stream) || isOpenTo(stream, tenant);
  }

  #add(stream: StreamSettings, isChosen: (rule: RuleSettings) => boolean): void {
    const { tenants } = stream;
    for (const rule of stream.rules) {
      if (!isChosen(rule)) continue;
      const criteria: Criteria =
        tenants !== "all" && isInRules(stream) ? { kind: "and", of: [tenantIn(tenants), rule.criteria] } : rule.criteria;
      this.#index.add(this.#rules.length, criteria);
      this.#rules.push({ stream, rule });
    }
  }

  #feed({ event: { transaction }, attributes }: AskedEvent): void {
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
    if (this.#asked === null) return;
    if (attribute.kind === "content") {
      tellContent(vocabulary, values, attribute.part, this.#asked.content.document(attribute.part));
    } else if (attribute.kind === "word") {
      const value = this.#asked.attributes.word(attribute.word);
      values.setContent(number, typeof value === "string" ? [value] : value);
    }
  };
}

function isInRules({ tenants }: StreamSettings): boolean {
  return tenants !== "all" && tenants.length <= TENANTS_IN_RULES_MAX;
}

function tenantIn(tenants: readonly string[]): Criteria {
  return { kind: "in", attribute: { kind: "word", word: "TENANT" }, operands: tenants.map((text) => ({ text, stem: false })) };
}
