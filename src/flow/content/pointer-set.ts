/**
 * Many pointers into one document, all found in one walk that enters only what a pointer may mean.
 *
 * The cost of a walk grows with the part of the document that is entered and with what is found there, hardly with the
 * number of pointers.
 */
import { KEY_START, NEXT, NODE, type JsonDocument } from "./json-scan.ts";
import { POINTER_VALUES_MAX } from "./json-pointer.ts";
import { at, isArray, isContainer, nameOf, valueOf } from "./json-values.ts";
import { PointerAutomaton } from "./pointer-automaton.ts";

/** A step of pointers without `**`. */
interface Step {
  children: Map<string, Step> | null;
  /** Whose pointer ends here; -1: nobody's. */
  owner: number;
}

/** Tells what a pointer found: undefined nothing, null more than are looked at. */
export type Tell = (owner: number, found: readonly string[] | undefined | null) => void;

const ANY_DEPTH = "**";

export class PointerSet {
  readonly #root: Step = { children: null, owner: -1 };
  /** Owners of pointers with `**`, with their pointers. */
  readonly #deep = new Map<number, readonly string[]>();
  readonly #owners = new Set<number>();
  #automaton: PointerAutomaton | null = null;

  get size(): number {
    return this.#owners.size;
  }

  /** @param owner - A number from 0 that no other pointer of the set has; each pointer is added once. */
  add(owner: number, pointer: readonly string[]): void {
    this.#owners.add(owner);
    if (pointer.includes(ANY_DEPTH)) {
      this.#deep.set(owner, pointer);
      this.#automaton = null;
      return;
    }
    let step = this.#root;
    for (const name of pointer) {
      step.children ??= new Map();
      let next = step.children.get(name);
      if (next === undefined) step.children.set(name, (next = { children: null, owner: -1 }));
      step = next;
    }
    step.owner = owner;
  }

  remove(owner: number, pointer: readonly string[]): void {
    this.#owners.delete(owner);
    if (this.#deep.delete(owner)) this.#automaton = null;
    else forget(this.#root, pointer, 0);
  }

  /** Tells what each pointer finds, those that find nothing included. */
  find(document: JsonDocument, tell: Tell): void {
    const found = new Map<number, string[] | null>();
    const note = (owner: number, node: number): void => {
      const values = found.get(owner);
      if (values === undefined) found.set(owner, [valueOf(document, node)]);
      else if (values !== null && values.length < POINTER_VALUES_MAX) values.push(valueOf(document, node));
      else found.set(owner, null);
    };
    walk(document, 0, this.#root, note);
    if (this.#deep.size > 0) this.#walkDeep(document, note);
    for (const owner of this.#owners) tell(owner, found.get(owner));
  }

  /** Tells the same of every pointer. */
  tellAll(found: undefined | null, tell: Tell): void {
    for (const owner of this.#owners) tell(owner, found);
  }

  #walkDeep(document: JsonDocument, note: (owner: number, node: number) => void): void {
    const owners = [...this.#deep.keys()];
    this.#automaton ??= new PointerAutomaton([...this.#deep.values()], { throughArrays: false });
    const automaton = this.#automaton;
    automaton.trim();
    const places = automaton.walk(document);
    for (let node = 0; node < document.index.length;) {
      places.trim();
      const state = places.enter(node);
      for (const place of automaton.acceptedBy(state)) note(owners[place] as number, node);
      node = automaton.isDead(state) ? at(document, node + NEXT) : node + NODE;
    }
  }
}

/** Depth is bounded: no pointer has more steps than the rule language allows. */
function walk(document: JsonDocument, node: number, step: Step, note: (owner: number, node: number) => void): void {
  if (step.owner >= 0) note(step.owner, node);
  if (step.children === null || !isContainer(document, node)) return;
  const end = at(document, node + NEXT);
  const array = isArray(document, node);
  let index = 0;
  for (let inner = node + NODE; inner < end; inner = at(document, inner + NEXT)) {
    const name = array ? String(index) : at(document, inner + KEY_START) < 0 ? "" : (nameOf(document, inner) ?? "");
    const next = step.children.get(name);
    if (next !== undefined) walk(document, inner, next, note);
    index += 1;
  }
}

/** @returns True when nothing is left of the step. */
function forget(step: Step, pointer: readonly string[], depth: number): boolean {
  const name = pointer[depth];
  if (name === undefined) step.owner = -1;
  else {
    const next = step.children?.get(name);
    if (next !== undefined && forget(next, pointer, depth + 1)) step.children?.delete(name);
    if (step.children?.size === 0) step.children = null;
  }
  return step.owner < 0 && step.children === null;
}
