/** Finds values in scanned JSON by pointer. */
import { FLAGS, KEY_END, KEY_ESCAPED, KEY_START, NEXT, NODE, type JsonDocument } from "./json-scan.ts";
import { at, isArray, isContainer, nameOf, valueOf } from "./json-values.ts";
import { PointerAutomaton } from "./pointer-automaton.ts";

/** More values than this behind one pointer are reported as unknown, so that no rule sees a part of them. */
export const POINTER_VALUES_MAX = 10_000;

/**
 * Values at a pointer: scalars as {@link valueOf} gives them, objects and arrays as their text. Every one of several
 * members of the same name counts.
 *
 * @param pointer - Unescaped steps as in RFC 6901, and `**` for any depth.
 * @returns Undefined when there is none, null when there are too many to look at.
 */
export function valuesAt(document: JsonDocument, pointer: readonly string[]): readonly string[] | undefined | null {
  const found: string[] = [];
  if (pointer.includes("**")) {
    const automaton = automatonOf(pointer);
    automaton.trim();
    if (!collectAnyDepth(document, automaton, found)) return null;
  } else if (!collect(document, pointer, found)) {
    return null;
  }
  return found.length === 0 ? undefined : found;
}

/** Follows a plain pointer; a name that stands twice forks the way. False when there are too many values. */
function collect(document: JsonDocument, pointer: readonly string[], found: string[]): boolean {
  let level = [0];
  for (const step of pointer) {
    const next: number[] = [];
    for (const node of level) {
      if (isContainer(document, node)) enter(document, node, step, next);
    }
    level = next;
  }
  if (level.length > POINTER_VALUES_MAX) return false;
  for (const node of level) found.push(valueOf(document, node));
  return true;
}

function enter(document: JsonDocument, parent: number, step: string, next: number[]): void {
  const end = at(document, parent + NEXT);
  if (isArray(document, parent)) {
    let count = arrayIndex(step);
    if (count < 0) return;
    let node = parent + NODE;
    for (; node < end && count > 0; count--) node = at(document, node + NEXT);
    if (node < end) next.push(node);
    return;
  }
  for (let node = parent + NODE; node < end; node = at(document, node + NEXT)) {
    const keyStart = at(document, node + KEY_START);
    const same =
      (at(document, node + FLAGS) & KEY_ESCAPED) === 0
        ? at(document, node + KEY_END) - keyStart - 2 === step.length && document.text.startsWith(step, keyStart + 1)
        : nameOf(document, node) === step;
    if (same) next.push(node);
  }
}

/** An array index as RFC 6901 writes it, without leading zeros; -1 when it isn't one. */
function arrayIndex(step: string): number {
  return /^(0|[1-9][0-9]{0,8})$/.test(step) ? Number(step) : -1;
}

const automata = new WeakMap<readonly string[], PointerAutomaton>();

function automatonOf(pointer: readonly string[]): PointerAutomaton {
  let automaton = automata.get(pointer);
  if (automaton === undefined) automata.set(pointer, (automaton = new PointerAutomaton([pointer], { throughArrays: false })));
  return automaton;
}

function collectAnyDepth(document: JsonDocument, automaton: PointerAutomaton, found: string[]): boolean {
  const walk = automaton.walk(document);
  for (let node = 0; node < document.index.length;) {
    walk.trim();
    const state = walk.enter(node);
    if (automaton.accepts(state)) {
      found.push(valueOf(document, node));
      if (found.length > POINTER_VALUES_MAX) return false;
    }
    node = automaton.isDead(state) ? at(document, node + NEXT) : node + NODE;
  }
  return true;
}

/** Pointer of a value as text, `/a/0/b`, as RFC 6901 escapes it. */
export function pointerTo(document: JsonDocument, target: number): string {
  let pointer = "";
  let parent = 0;
  while (parent !== target) {
    const array = isArray(document, parent);
    let node = parent + NODE;
    let place = 0;
    for (let next = at(document, node + NEXT); next <= target; next = at(document, node + NEXT)) {
      node = next;
      place++;
    }
    pointer += `/${array ? place : pointerStep(nameOf(document, node) ?? "")}`;
    parent = node;
  }
  return pointer;
}

/** A name as a step of a pointer. */
export function pointerStep(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}
