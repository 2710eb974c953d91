/**
 * Where conjunctions lie, so that an event finds those that can hold for it without meeting the others.
 *
 * Each conjunction lies under one of its literals, the one that tells events apart best: it is reached only by events
 * for which that literal holds. A node that holds many conjunctions divides them again by their next best literals, and
 * so on. What is left of a conjunction's literals is written beside it as numbers, the cheapest first.
 *
 * Promise: adding and removing touch only the nodes concerned.
 */
import { grown } from "./arena.ts";
import { chooseAccess, type Access } from "./access.ts";
import type { Literal } from "./conjunctions.ts";
import { Division, type Place } from "./division.ts";
import { Nodes } from "./nodes.ts";
import type { Predicates } from "./predicates.ts";

/** A node divides itself when it holds more conjunctions than this: to look at a few costs less than one more look-up. */
const NODE_CONJUNCTIONS_MAX = 12;
export const ROOT = 1;

interface Owner {
  readonly parent: number;
  readonly division: Division;
  readonly place: Place;
}

export class AccessTree {
  readonly nodes: Nodes;
  /** Divisions of each divided node, by its number. */
  readonly divisions: (Division[] | undefined)[] = [];
  /** Nodes below the root by the number of the value that leads there: the way that nearly every event goes. */
  rootEqual = new Int32Array(64);
  readonly #predicates: Predicates;
  readonly #owners: (Owner | undefined)[] = [];
  /** Conjunctions that a node may hold before it tries to divide. */
  readonly #limits: number[] = [];
  /** Nodes that hold something of a rule; a single one stands by itself. */
  readonly #nodesOfRule: (number | number[] | undefined)[] = [];
  /** Rules below divisions, as far as they were asked for since the last change. */
  #below = new Map<Division, readonly number[] | null>();

  constructor(predicates: Predicates) {
    this.#predicates = predicates;
    this.nodes = new Nodes(predicates);
    this.nodes.create();
    this.divisions[ROOT] = [];
    this.nodes.markDivided(ROOT, true);
  }

  add(rule: number, conjunctions: readonly (readonly Literal[])[]): void {
    if (this.#below.size > 0) this.#below = new Map();
    this.#nodesOfRule[rule] = [];
    for (const literals of conjunctions) this.#insert(ROOT, rule, literals);
    const nodes = this.#nodesOfRule[rule];
    if (nodes.length === 1) this.#nodesOfRule[rule] = nodes[0];
  }

  remove(rule: number): void {
    if (this.#below.size > 0) this.#below = new Map();
    for (const node of this.#nodesOf(rule)) {
      this.nodes.removeRule(node, rule);
      this.#prune(node);
    }
    this.#nodesOfRule[rule] = undefined;
  }

  /** Rules that have a conjunction below a division; null when they are more than `most`. */
  rulesBelow(division: Division, most: number): readonly number[] | null {
    let rules = this.#below.get(division);
    if (rules === undefined) {
      const all = new Set<number>();
      rules = this.#collect(division, all, most) ? [...all] : null;
      this.#below.set(division, rules);
    }
    return rules;
  }

  #collect(division: Division, rules: Set<number>, most: number): boolean {
    for (const node of division.nodes()) {
      for (const { rule } of this.nodes.entries(node)) rules.add(rule);
      if (rules.size > most) return false;
      for (const inner of this.divisions[node] ?? []) if (!this.#collect(inner, rules, most)) return false;
    }
    return true;
  }

  #nodesOf(rule: number): readonly number[] {
    const nodes = this.#nodesOfRule[rule];
    return typeof nodes === "number" ? [nodes] : [...new Set(nodes)];
  }

  #insert(node: number, rule: number, literals: readonly Literal[]): void {
    if (this.divisions[node] === undefined && (this.nodes.counts[node] as number) >= (this.#limits[node] ?? NODE_CONJUNCTIONS_MAX)) {
      this.#divide(node);
    }
    const access = this.divisions[node] === undefined ? null : chooseAccess(literals, this.#predicates, node !== ROOT);
    if (access === null) {
      this.nodes.append(node, { rule, literals });
      this.#noteNode(rule, node);
    } else this.#insertUnder(node, rule, literals, access);
  }

  #insertUnder(node: number, rule: number, literals: readonly Literal[], access: Access): void {
    const rest = access.keeps ? literals : literals.filter((literal) => literal !== access.literal);
    const division = this.#divisionOf(node, access.attribute);
    for (const place of access.places) {
      const below = division.nodeAt(place, () => {
        const made = this.nodes.create();
        this.#owners[made] = { parent: node, division, place };
        this.#limits[made] = NODE_CONJUNCTIONS_MAX;
        return made;
      });
      if (node === ROOT && place.kind === "equal") {
        this.rootEqual = grown(this.rootEqual, place.value + 1);
        this.rootEqual[place.value] = below;
      }
      // A literal that is kept must not lead the conjunction round in a circle.
      if (access.keeps) this.#insertKept(below, rule, rest);
      else this.#insert(below, rule, rest);
    }
  }

  /** Puts a conjunction whose access literal stays into a node, which isn't divided by it again. */
  #insertKept(node: number, rule: number, literals: readonly Literal[]): void {
    this.nodes.append(node, { rule, literals });
    this.#noteNode(rule, node);
  }

  #divisionOf(node: number, attribute: number): Division {
    const divisions = this.divisions[node] as Division[];
    let division = divisions.find((each) => each.attribute === attribute);
    if (division === undefined) {
      division = new Division(attribute, this.#predicates.attributeIsContent(attribute));
      divisions.push(division);
    }
    return division;
  }

  /** Divides a node where at least half of what it holds can lie further down. */
  #divide(node: number): void {
    const entries = this.nodes.entries(node);
    const divisible = entries.filter(({ literals }) => chooseAccess(literals, this.#predicates, true) !== null).length;
    if (divisible * 2 < entries.length) {
      this.#limits[node] = entries.length * 2;
      return;
    }
    this.divisions[node] = [];
    this.nodes.clear(node);
    this.nodes.markDivided(node, true);
    for (const { rule } of entries) this.#forgetNode(rule, node);
    for (const { rule, literals } of entries) this.#insert(node, rule, literals);
  }

  #noteNode(rule: number, node: number): void {
    const nodes = this.#nodesOfRule[rule];
    if (Array.isArray(nodes)) nodes.push(node);
    else this.#nodesOfRule[rule] = nodes === undefined ? [node] : [nodes, node];
  }

  #forgetNode(rule: number, node: number): void {
    const nodes = this.#nodesOfRule[rule];
    if (nodes === node) this.#nodesOfRule[rule] = undefined;
    else if (Array.isArray(nodes)) nodes.splice(0, nodes.length, ...nodes.filter((each) => each !== node));
  }

  /** Gives up a node that holds nothing, and what led to it alone. */
  #prune(node: number): void {
    const owner = this.#owners[node];
    if (owner === undefined || (this.nodes.counts[node] as number) > 0 || this.divisions[node] !== undefined) return;
    const { parent, division, place } = owner;
    division.remove(place);
    if (parent === ROOT && place.kind === "equal") this.rootEqual[place.value] = 0;
    this.#owners[node] = undefined;
    this.nodes.free(node);
    if (!division.isEmpty) return;
    const divisions = this.divisions[parent] as Division[];
    divisions.splice(divisions.indexOf(division), 1);
    if (divisions.length > 0 || parent === ROOT) return;
    this.divisions[parent] = undefined;
    this.nodes.markDivided(parent, false);
    this.#limits[parent] = NODE_CONJUNCTIONS_MAX;
    this.#prune(parent);
  }
}
