/**
 * Tests the values of one attribute against regular expressions.
 *
 * Where an event asks for many of them, they are tested together by one automaton, which costs hardly more than a single
 * test. Whether it does shows while events come, so the automaton is made after some thousand tests, of the expressions
 * that were asked for.
 *
 * Promise: together they answer as each would by itself.
 */
import { RE2Set } from "re2js";
import { compiledOf, type Expression } from "../regex.ts";

/** Tests after which it is looked at how many an event asks for. */
const TESTS_COUNTED = 1_024;
/** Tests per event from which on one automaton is cheaper: it takes as long as about four. */
const TOGETHER_MIN = 6;
/** Expressions in one automaton: bounds the time to make it, and its memory. */
const TOGETHER_MAX = 128;

/** Tells an answer besides the one that was asked for. */
type TellAnswer = (predicate: number, matches: boolean) => void;

export class Regexes {
  /** Expressions asked for since the counting began, by their predicates. */
  #asked = new Map<number, Expression>();
  #tests = 0;
  #events = 0;
  #generation = -1;
  #set: RE2Set | null = null;
  /** Predicates in the automaton, by their place in it. */
  #members: readonly number[] = [];
  #isMember = new Set<number>();

  /** How many expressions are tested together. */
  get together(): number {
    return this.#members.length;
  }

  /**
   * @param generation - Tells events apart.
   * @param tell - Told the answers of all that were tested together.
   */
  test(predicate: number, expression: Expression, text: string, generation: number, tell: TellAnswer): boolean {
    if (this.#set !== null && this.#isMember.has(predicate)) return this.#testTogether(this.#set, predicate, text, tell);
    this.#count(predicate, expression, generation);
    return compiledOf(expression).test(text);
  }

  #testTogether(set: RE2Set, asked: number, text: string, tell: TellAnswer): boolean {
    const found = new Set(set.match(text));
    let answer = false;
    for (let place = 0; place < this.#members.length; place += 1) {
      const predicate = this.#members[place] as number;
      const matches = found.has(place);
      if (predicate === asked) answer = matches;
      else tell(predicate, matches);
    }
    return answer;
  }

  #count(predicate: number, expression: Expression, generation: number): void {
    this.#tests += 1;
    if (generation !== this.#generation) this.#events += 1;
    this.#generation = generation;
    if (this.#asked.size < TOGETHER_MAX) this.#asked.set(predicate, expression);
    if (this.#tests < TESTS_COUNTED) return;
    if (this.#tests >= this.#events * TOGETHER_MIN) this.#join();
    this.#asked = new Map();
    this.#tests = this.#events = 0;
  }

  #join(): void {
    const set = new RE2Set();
    // Flags stand before the expression: in a group around it, a quotation that isn't closed would take its end.
    for (const { pattern, ignoreCase } of this.#asked.values()) set.add(ignoreCase ? `(?i)${pattern}` : pattern);
    set.compile();
    this.#set = set;
    this.#members = [...this.#asked.keys()];
    this.#isMember = new Set(this.#members);
  }
}
