/**
 * Follows many pointers at once through a JSON document, `**` included.
 *
 * The pointers are compiled to a deterministic automaton, state by state as documents need them, so that the cost per
 * name does not grow with the number of pointers.
 */
import { KEY_START, NEXT, type JsonDocument } from "./json-scan.ts";
import { at, isContainer, nameOf } from "./json-values.ts";

/** States kept, and places in them. A document may add more: they are forgotten after it, or in its midst. */
const STATES_KEPT_MAX = 4096;
const PLACES_KEPT_MAX = 250_000;
const DEAD = 0;
const START_STATE = 1;
const INDEX = /^[0-9]+$/;
/** Symbol of every name that no pointer has. */
const OTHER = 0;
const NOTHING: readonly number[] = [];
/** In place of a step's symbol: any depth, the pointer's end, nothing. */
const ANY_DEPTH = -1;
const END = -2;
const BEYOND = -3;
const NO_PLACES = new Int32Array(0);

export class PointerAutomaton {
  readonly start = START_STATE;
  private readonly throughArrays: boolean;
  private readonly symbols = new Map<string, number>();
  private readonly names: string[] = [""];
  private readonly hasIndexes: boolean;
  private readonly isIndex: readonly boolean[];
  /** Each state is a set of places in the pointers: place = pointer * width + step. */
  private readonly width: number;
  /** By place: the step's symbol, or one of the marks above. */
  private readonly steps: Int32Array;
  private readonly scratch: Int32Array;
  private states: Int32Array[] = [];
  private placeCount = 0;
  private numbers = new Map<string, number>();
  private accepting: (readonly number[])[] = [];
  /** Next state by state * symbols + symbol, for members and for elements. */
  private memberMoves = new Map<number, number>();
  private elementMoves = new Map<number, number>();

  /**
   * @param options.throughArrays - True: a step that is no index goes on to every element of an array on its way.
   */
  constructor(pointers: readonly (readonly string[])[], options: { readonly throughArrays: boolean }) {
    this.throughArrays = options.throughArrays;
    this.width = 1 + Math.max(0, ...pointers.map((pointer) => pointer.length));
    for (const step of pointers.flat()) {
      if (step === "**" || this.symbols.has(step)) continue;
      this.symbols.set(step, this.names.length);
      this.names.push(step);
    }
    this.hasIndexes = this.names.some((name) => INDEX.test(name));
    this.steps = new Int32Array(pointers.length * this.width).fill(BEYOND);
    for (const [pointer, steps] of pointers.entries()) {
      for (const [at, step] of steps.entries()) this.steps[pointer * this.width + at] = this.symbols.get(step) ?? ANY_DEPTH;
      this.steps[pointer * this.width + steps.length] = END;
    }
    this.isIndex = this.names.map((name) => INDEX.test(name));
    this.scratch = new Int32Array(Math.max(1, this.steps.length));
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

  /** True when it holds more than is kept. */
  get isFull(): boolean {
    return this.states.length > STATES_KEPT_MAX || this.placeCount > PLACES_KEPT_MAX;
  }

  /** Forgets the states that documents added, once they are many. No state from before may be used after. */
  trim(): void {
    if (this.isFull) this.reset();
  }

  /** Forgets all states but some, which get new numbers where they stand. */
  keepOnly(states: number[]): void {
    const kept = states.map((state) => this.states[state] ?? NO_PLACES);
    this.reset();
    for (const [at, places] of kept.entries()) states[at] = this.number(places);
  }

  private reset(): void {
    this.states = [];
    this.placeCount = 0;
    this.numbers = new Map();
    this.accepting = [];
    this.memberMoves = new Map();
    this.elementMoves = new Map();
    this.number(NO_PLACES);
    let count = 0;
    for (let place = 0; place < this.steps.length; place += this.width) count = this.close(place, count);
    this.number(this.scratch.slice(0, count));
    // Without pointers both are the same set; the start state must stay 1.
    if (this.states.length === 1) {
      this.states.push(NO_PLACES);
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
    const { steps } = this;
    const through = element && this.throughArrays;
    let count = 0;
    for (const place of this.states[state] ?? NO_PLACES) {
      const step = steps[place] as number;
      if (step === ANY_DEPTH || (through && step > OTHER && this.isIndex[step] === false)) count = this.close(place, count);
      if (step === symbol && symbol !== OTHER) count = this.close(place + 1, count);
    }
    return this.number(this.scratch.slice(0, count));
  }

  /**
   * Adds a place to the scratch, and those that `**` reaches by standing for no step at all.
   *
   * Places come pointer by pointer, so that what is added belongs among the last few: they stay sorted, each once.
   */
  private close(first: number, from: number): number {
    const { scratch, steps } = this;
    let count = from;
    for (let place = first; ; place += 1) {
      let at = count;
      while (at > 0 && (scratch[at - 1] as number) > place) at -= 1;
      if (at === 0 || scratch[at - 1] !== place) {
        scratch.copyWithin(at + 1, at, count);
        scratch[at] = place;
        count += 1;
      }
      if (steps[place] !== ANY_DEPTH) return count;
    }
  }

  private number(places: Int32Array): number {
    const key = Buffer.from(places.buffer, places.byteOffset, places.byteLength).toString("latin1");
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    const state = this.states.length;
    this.states.push(places);
    this.placeCount += places.length;
    this.numbers.set(key, state);
    const accepted: number[] = [];
    for (const place of places) if (this.steps[place] === END) accepted.push(Math.floor(place / this.width));
    this.accepting.push(accepted.length === 0 ? NOTHING : accepted);
    return state;
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

  /**
   * Forgets states in the midst of a document that adds very many; for whoever asks for a state only until the next value.
   */
  trim(): void {
    if (!this.automaton.isFull) return;
    this.states.length = this.depth;
    this.automaton.keepOnly(this.states);
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
