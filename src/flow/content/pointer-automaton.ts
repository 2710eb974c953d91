/**
 * Follows many pointers at once through a JSON document, `**` included.
 *
 * The pointers are compiled to a deterministic automaton, state by state as documents need them, so that the cost per
 * name does not grow with the number of pointers.
 */
import { KEY_START, NEXT, type JsonDocument } from "./json-scan.ts";
import { at, isContainer, nameOf } from "./json-values.ts";

/** States kept between documents. A document may add more; they are forgotten after it. */
const STATES_KEPT_MAX = 4096;
const DEAD = 0;
const START_STATE = 1;
const INDEX = /^[0-9]+$/;
/** Symbol of every name that no pointer has. */
const OTHER = 0;
const NOTHING: readonly number[] = [];

export class PointerAutomaton {
  readonly start = START_STATE;
  private readonly pointers: readonly (readonly string[])[];
  private readonly throughArrays: boolean;
  private readonly symbols = new Map<string, number>();
  private readonly names: string[] = [""];
  private readonly hasIndexes: boolean;
  /** Each state is a set of places in the pointers: place = pointer * width + step. */
  private readonly width: number;
  private states: (readonly number[])[] = [];
  private numbers = new Map<string, number>();
  private accepting: (readonly number[])[] = [];
  /** Next state by state * symbols + symbol, for members and for elements. */
  private memberMoves = new Map<number, number>();
  private elementMoves = new Map<number, number>();

  /**
   * @param options.throughArrays - True: a step that is no index goes on to every element of an array on its way.
   */
  constructor(pointers: readonly (readonly string[])[], options: { readonly throughArrays: boolean }) {
    this.pointers = pointers;
    this.throughArrays = options.throughArrays;
    this.width = 1 + Math.max(0, ...pointers.map((pointer) => pointer.length));
    for (const step of pointers.flat()) {
      if (step === "**" || this.symbols.has(step)) continue;
      this.symbols.set(step, this.names.length);
      this.names.push(step);
    }
    this.hasIndexes = this.names.some((name) => INDEX.test(name));
    this.reset();
  }

  /** True when a value in this state is meant by a pointer. */
  accepts(state: number): boolean {
    return this.acceptedBy(state).length > 0;
  }

  /** The pointers, by their place in what was given, that mean a value in this state. */
  acceptedBy(state: number): readonly number[] {
    return this.accepting[state] ?? NOTHING;
  }

  /** True when neither a value in this state nor anything inside it can be meant. */
  isDead(state: number): boolean {
    return state === DEAD;
  }

  /** State of a member by its name. */
  member(state: number, name: string): number {
    return this.move(state, this.symbols.get(name) ?? OTHER, false);
  }

  /** State of an element by its place in the array. */
  element(state: number, place: number): number {
    return this.move(state, this.hasIndexes ? (this.symbols.get(String(place)) ?? OTHER) : OTHER, true);
  }

  /**
   * Begins a walk over a document; only one at a time.
   *
   * @param state - State of the document's root; a document inside another content begins further on.
   */
  walk(document: JsonDocument, state: number = START_STATE): PointerWalk {
    return new PointerWalk(this, document, state);
  }

  /** Forgets the states that documents added, once they are many. No state from before may be used after. */
  trim(): void {
    if (this.states.length > STATES_KEPT_MAX) this.reset();
  }

  private reset(): void {
    this.states = [];
    this.numbers = new Map();
    this.accepting = [];
    this.memberMoves = new Map();
    this.elementMoves = new Map();
    this.number([]);
    this.number(this.close(this.pointers.map((_, pointer) => pointer * this.width)));
    // Without pointers both are the same set; the start state must stay 1.
    if (this.states.length === 1) {
      this.states.push([]);
      this.accepting.push(NOTHING);
    }
  }

  private move(state: number, symbol: number, element: boolean): number {
    if (state === DEAD) return DEAD;
    const moves = element ? this.elementMoves : this.memberMoves;
    const place = state * this.names.length + symbol;
    const known = moves.get(place);
    if (known !== undefined) return known;
    const next = this.compute(state, symbol, element);
    moves.set(place, next);
    return next;
  }

  private compute(state: number, symbol: number, element: boolean): number {
    const places: number[] = [];
    for (const place of this.states[state] ?? []) {
      const step = this.stepAt(place);
      if (element && this.throughArrays && step !== undefined && !INDEX.test(step)) places.push(place);
      if (step === "**") places.push(place);
      else if (step !== undefined && symbol !== OTHER && step === this.names[symbol]) places.push(place + 1);
    }
    return this.number(this.close(places));
  }

  /** Adds the places that `**` reaches by standing for no step at all. */
  private close(places: readonly number[]): number[] {
    const all = new Set<number>();
    for (const first of places) {
      for (let place = first; ; place++) {
        all.add(place);
        if (this.stepAt(place) !== "**") break;
      }
    }
    return [...all].toSorted((a, b) => a - b);
  }

  private number(places: readonly number[]): number {
    const key = places.join();
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    const state = this.states.length;
    this.states.push(places);
    this.numbers.set(key, state);
    this.accepting.push(places.flatMap((place) => (this.isEnd(place) ? [Math.floor(place / this.width)] : [])));
    return state;
  }

  private stepAt(place: number): string | undefined {
    return this.pointers[Math.floor(place / this.width)]?.[place % this.width];
  }

  private isEnd(place: number): boolean {
    return place % this.width === this.pointers[Math.floor(place / this.width)]?.length;
  }
}

/** One walk over a document in text order; values may be left out only together with all that is inside them. */
export class PointerWalk {
  private readonly automaton: PointerAutomaton;
  private readonly document: JsonDocument;
  private readonly ends: number[] = [];
  private readonly states: number[] = [];
  private readonly counts: number[] = [];
  private depth = 0;
  private readonly root: number;

  constructor(automaton: PointerAutomaton, document: JsonDocument, root: number) {
    this.automaton = automaton;
    this.document = document;
    this.root = root;
  }

  /** Goes on to a value and gives its state. */
  enter(node: number, name?: string): number {
    while (this.depth > 0 && node >= (this.ends[this.depth - 1] ?? 0)) this.depth--;
    const state = this.depth === 0 ? this.root : this.move(node, name);
    if (isContainer(this.document, node)) {
      this.ends[this.depth] = at(this.document, node + NEXT);
      this.states[this.depth] = state;
      this.counts[this.depth] = 0;
      this.depth++;
    }
    return state;
  }

  private move(node: number, known: string | undefined): number {
    const parent = this.states[this.depth - 1] ?? DEAD;
    if (at(this.document, node + KEY_START) >= 0) return this.automaton.member(parent, known ?? nameOf(this.document, node) ?? "");
    const place = this.counts[this.depth - 1] ?? 0;
    this.counts[this.depth - 1] = place + 1;
    return this.automaton.element(parent, place);
  }
}
