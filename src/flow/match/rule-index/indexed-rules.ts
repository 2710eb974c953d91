/**
 * Rules under numbers, and the values of the event that they are held against.
 *
 * An event's way: `ready`, then its values are added to `values`, then `run`, which forgets them.
 */
import type { Criteria, ReservedWord } from "../rule.ts";
import { AccessTree } from "./access-tree.ts";
import { Answers } from "./answers.ts";
import { criteriaOf, takeApart } from "./conjunctions.ts";
import { EventValues } from "./event-values.ts";
import { Matcher, type Unwanted } from "./matcher.ts";
import { Names } from "./names.ts";
import { predicatesIn, Predicates, type Formula } from "./predicates.ts";
import { Vocabulary } from "./vocabulary.ts";

export class IndexedRules {
  readonly vocabulary: Vocabulary;
  readonly values: EventValues;
  readonly names: Names;
  readonly #predicates: Predicates;
  readonly #tree: AccessTree;
  readonly #answers: Answers;
  readonly #matcher: Matcher;
  readonly #formulas: (Formula | undefined)[] = [];
  /** Predicates held for a rule beside those of its formula; most rules have none. */
  readonly #extra = new Map<number, readonly number[]>();
  #changed = true;

  /** @param wordsFromContent - Reserved words whose value has to be looked for in content. */
  constructor(wordsFromContent: readonly ReservedWord[]) {
    this.vocabulary = new Vocabulary(wordsFromContent);
    this.#predicates = new Predicates(this.vocabulary);
    this.#tree = new AccessTree(this.#predicates);
    this.values = new EventValues(this.vocabulary);
    this.#answers = new Answers(this.#predicates, this.values, this.vocabulary);
    this.#matcher = new Matcher(this.#tree, this.values, this.#answers, this.vocabulary);
    this.names = new Names(this.vocabulary);
  }

  /** @param rule - A number from 0, small, that no rule here has; it is found in the order of these numbers. */
  add(rule: number, criteria: Criteria): void {
    const { formula, conjunctions, extra } = takeApart(criteria, this.#predicates);
    this.#formulas[rule] = formula;
    if (extra.length > 0) this.#extra.set(rule, extra);
    this.#tree.add(rule, conjunctions);
    this.#changed = true;
  }

  remove(rule: number): void {
    const formula = this.#formulas[rule];
    if (formula === undefined) return;
    this.#tree.remove(rule);
    for (const predicate of [...predicatesIn(formula), ...(this.#extra.get(rule) ?? [])]) this.#predicates.release(predicate);
    this.#extra.delete(rule);
    this.#formulas[rule] = undefined;
    this.#changed = true;
  }

  /** A rule's criteria, as they were given or the like of it. */
  criteria(rule: number): Criteria | undefined {
    const formula = this.#formulas[rule];
    return formula === undefined ? undefined : criteriaOf(formula, this.#predicates);
  }

  /** Takes in what was added and removed. */
  ready(): void {
    if (!this.#changed) return;
    this.#changed = false;
    this.values.fit();
    this.#answers.fit();
    this.names.fit();
    this.vocabulary.settle();
  }

  /**
   * Numbers of the rules that are true for the event whose values were added, rising. The event is forgotten.
   *
   * @param unwanted - Asked before content is read for a rule; absent: every rule is wanted.
   */
  run(unwanted?: Unwanted): readonly number[] {
    try {
      return this.#matcher.run(unwanted);
    } finally {
      this.values.end();
    }
  }
}
