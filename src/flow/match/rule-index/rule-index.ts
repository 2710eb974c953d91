/**
 * Finds, of any number of rules, those that hold for an event, at a cost that hardly grows with their number.
 *
 * Promise: it says what looking at each rule by itself would say, three-valued logic included.
 */
import { explainCriteria, type Explanation } from "../explain.ts";
import { viewOf as bytesView } from "./byte-words.ts";
import { ContentTexts } from "./content-texts.ts";
import { viewOf } from "./event-view.ts";
import { EventInput, type EventAttributes } from "./event-input.ts";
import { IndexedRules } from "./indexed-rules.ts";
import { readJsonAttributes } from "./json-attributes.ts";
import type { Criteria } from "../rule.ts";

/** Anything with selection criteria: a rule, or criteria by themselves. */
export interface Selecting {
  readonly criteria: Criteria;
}

/** One rule held against an event. */
export interface ExplainedRule<Id> {
  readonly id: Id;
  /** Null: it depends on what can't be known. A rule acts on true alone. */
  readonly truth: boolean | null;
  readonly explanation: Explanation;
}

export class RuleIndex<Id extends string | number = string | number> {
  readonly #rules = new IndexedRules([]);
  readonly #content = new ContentTexts(this.#rules.vocabulary, this.#rules.values);
  readonly #input = new EventInput(this.#rules, this.#content);
  /** Ids by the rules' numbers, and the other way. */
  readonly #ids: (Id | undefined)[] = [];
  readonly #numbers = new Map<Id, number>();
  readonly #free: number[] = [];

  /** How many rules it holds. */
  get size(): number {
    return this.#numbers.size;
  }

  has(id: Id): boolean {
    return this.#numbers.has(id);
  }

  /** Adds a rule; one that has the id already gives way to it. */
  add(id: Id, rule: Selecting): void {
    this.remove(id);
    const number = this.#free.pop() ?? this.#ids.length;
    this.#rules.add(number, rule.criteria);
    this.#ids[number] = id;
    this.#numbers.set(id, number);
  }

  /** @returns False when there is no such rule. */
  remove(id: Id): boolean {
    const number = this.#numbers.get(id);
    if (number === undefined) return false;
    this.#rules.remove(number);
    this.#numbers.delete(id);
    this.#ids[number] = undefined;
    this.#free.push(number);
    return true;
  }

  match(attributes: EventAttributes): Id[] {
    this.#begin(null, null);
    this.#input.object(attributes);
    return this.#end();
  }

  /**
   * Says of each rule whether it holds and why: each term with its truth and the values seen, unbounded in secrets: what
   * the event has is shown.
   *
   * @param ids - Rules to explain; absent: all. Unknown ones are left out. Costs a walk through each of them.
   */
  explain(attributes: EventAttributes, ids: Iterable<Id> = this.#numbers.keys()): readonly ExplainedRule<Id>[] {
    const view = viewOf(attributes);
    const explained: ExplainedRule<Id>[] = [];
    for (const id of ids) {
      const number = this.#numbers.get(id);
      const criteria = number === undefined ? undefined : this.#rules.criteria(number);
      if (criteria === undefined) continue;
      const explanation = explainCriteria(criteria, { attributes: view, shown: view });
      explained.push({ id, truth: explanation.truth, explanation });
    }
    return explained;
  }

  matchPairs(pairs: readonly string[]): Id[] {
    this.#begin(null, null);
    this.#input.pairs(pairs);
    return this.#end();
  }

  matchJson(json: Uint8Array | string): Id[] {
    const bytes =
      typeof json === "string" ? Buffer.from(json) : Buffer.isBuffer(json) ? json : Buffer.from(json.buffer, json.byteOffset, json.length);
    this.#rules.vocabulary.useBytes();
    const view = bytesView(bytes);
    this.#begin(bytes, view);
    try {
      readJsonAttributes(bytes, view, this.#rules.names.trail(), this.#input);
    } catch (error) {
      this.#input.restart();
      this.#rules.values.end();
      throw error;
    }
    return this.#end();
  }

  #begin(bytes: Buffer | null, view: DataView | null): void {
    this.#rules.ready();
    this.#rules.values.begin(this.#content.read, bytes, view);
  }

  #end(): Id[] {
    this.#input.end();
    const found = this.#rules.run();
    this.#content.clear();
    const ids: Id[] = [];
    for (let index = 0; index < found.length; index += 1) ids.push(this.#ids[found[index] as number] as Id);
    return ids;
  }
}
