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

/**
 * An index of rules under ids.
 *
 * Costs, on one core of a usual machine: an event is matched in 1 to 5 µs, with ten rules or a hundred thousand; a rule
 * is added in about 10 µs and takes 300 bytes. Rules that only deny (`NOT x=y`) are looked at for each event, and so
 * are rules that share all they ask for. docs/performance.md has the figures.
 */
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

  /**
   * Ids of the rules that are true for an event, each once, in no particular order.
   *
   * Terms are true, false or unknown. A header that is absent makes its terms false, so that their negation is true; a
   * repeated one holds if any of its values holds. Content that isn't JSON has no pointers. Content is unknown where it
   * is null, larger than 1 MiB or nested deeper than 256 levels; a rule that depends on it isn't true.
   *
   * @param attributes - A plain object will do. Where TENANT isn't given, `x-okapi-tenant`, in any case, is the tenant.
   * A value that is no string counts with its JSON; undefined and null are absent. Names that no rule uses cost nothing
   * but a look-up.
   */
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

  /** The same for names and values in turn, as `rawHeaders` of Node has them. */
  matchPairs(pairs: readonly string[]): Id[] {
    this.#begin(null, null);
    this.#input.pairs(pairs);
    return this.#end();
  }

  /**
   * The same for an object of attributes in JSON, without making objects of it: the fastest way for events that come as
   * bytes. A name that stands twice counts with both values.
   *
   * @param json - UTF-8. It isn't kept.
   * @throws SidestreamError `SST_EVENT_INVALID` when it is no object in JSON.
   */
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
