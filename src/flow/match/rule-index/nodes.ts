/** The nodes of the access tree, and the conjunctions that lie in them. */
import { Arena, grown } from "./arena.ts";
import type { Literal } from "./conjunctions.ts";
import { CONJUNCTION_HEAD, costOf, LITERAL, literalOf, NODE_HEAD, writeLiteral } from "./node-layout.ts";
import type { Predicates } from "./predicates.ts";

/** What a node holds, as it was put in. */
export interface Entry {
  readonly rule: number;
  readonly literals: readonly Literal[];
}

export class Nodes {
  readonly arena = new Arena();
  /** Places in the arena by the node's number; numbers begin with 1. */
  offsets = new Int32Array(64);
  /** Conjunctions that lie in each node itself. */
  readonly counts: number[] = [0];
  readonly #free: number[] = [];
  #count = 1;
  readonly #predicates: Predicates;

  constructor(predicates: Predicates) {
    this.#predicates = predicates;
  }

  create(): number {
    const node = this.#free.pop() ?? this.#count++;
    this.offsets = grown(this.offsets, this.#count);
    const offset = this.arena.allocate(NODE_HEAD);
    this.arena.ints[offset] = 0;
    this.arena.ints[offset + 1] = 0;
    this.offsets[node] = offset;
    this.counts[node] = 0;
    return node;
  }

  /** Gives an empty node up. */
  free(node: number): void {
    const offset = this.offsets[node] as number;
    this.arena.free(offset, NODE_HEAD + (this.arena.ints[offset] as number));
    this.offsets[node] = 0;
    this.#free.push(node);
  }

  markDivided(node: number, divided: boolean): void {
    this.arena.ints[(this.offsets[node] as number) + 1] = divided ? node : 0;
  }

  append(node: number, { rule, literals }: Entry): void {
    const predicates = this.#predicates;
    const sorted = literals.toSorted((left, right) => costOf(left, predicates) - costOf(right, predicates));
    const length = CONJUNCTION_HEAD + sorted.length * LITERAL;
    const before = this.arena.ints[this.offsets[node] as number] as number;
    const offset = this.arena.resize(this.offsets[node] as number, NODE_HEAD + before, NODE_HEAD + before + length);
    this.offsets[node] = offset;
    this.counts[node] = (this.counts[node] as number) + 1;
    const { ints } = this.arena;
    ints[offset] = before + length;
    let at = offset + NODE_HEAD + before;
    ints[at] = rule;
    ints[at + 1] = length;
    at += CONJUNCTION_HEAD;
    for (const literal of sorted) {
      writeLiteral(ints, at, literal, predicates);
      at += LITERAL;
    }
  }

  /** All that a node holds. */
  entries(node: number): readonly Entry[] {
    const { ints } = this.arena;
    const offset = this.offsets[node] as number;
    const end = offset + NODE_HEAD + (ints[offset] as number);
    const entries: Entry[] = [];
    for (let at = offset + NODE_HEAD; at < end;) {
      const next = at + (ints[at + 1] as number);
      const literals: Literal[] = [];
      for (let place = at + CONJUNCTION_HEAD; place < next; place += LITERAL)
        literals.push(literalOf(ints[place] as number, ints[place + 1] as number, this.#predicates));
      entries.push({ rule: ints[at] as number, literals });
      at = next;
    }
    return entries;
  }

  /** Takes all conjunctions of a rule out. */
  removeRule(node: number, rule: number): void {
    const { ints } = this.arena;
    const offset = this.offsets[node] as number;
    const before = ints[offset] as number;
    const end = offset + NODE_HEAD + before;
    let to = offset + NODE_HEAD;
    for (let at = to; at < end;) {
      const length = ints[at + 1] as number;
      if (ints[at] === rule) this.counts[node] = (this.counts[node] as number) - 1;
      else {
        ints.copyWithin(to, at, at + length);
        to += length;
      }
      at += length;
    }
    this.#shrink(node, before, to - offset - NODE_HEAD);
  }

  clear(node: number): void {
    this.counts[node] = 0;
    this.#shrink(node, this.arena.ints[this.offsets[node] as number] as number, 0);
  }

  #shrink(node: number, before: number, length: number): void {
    const offset = this.offsets[node] as number;
    this.arena.ints[offset] = length;
    this.offsets[node] = this.arena.resize(offset, NODE_HEAD + before, NODE_HEAD + length);
  }
}
