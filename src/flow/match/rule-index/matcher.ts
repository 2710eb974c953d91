/**
 * Finds the rules that hold for an event: the hot path. It walks the access tree, asks what is left of each conjunction
 * that it meets, and leaves it at the first answer that rules it out.
 *
 * Terms on content come after all others: they are put off until everything else was asked, so that a body is read only
 * for a rule whose other terms hold.
 */
import { ROOT, type AccessTree } from "./access-tree.ts";
import { Answers, YES } from "./answers.ts";
import type { Division } from "./division.ts";
import { ABSENT, MANY, OTHER, PENDING, UNKNOWN, type EventValues } from "./event-values.ts";
import { ATTRIBUTE_SHIFT, CONJUNCTION_HEAD, IS_PRESENT, KIND_MASK, LITERAL, NEEDS_CONTENT, NEGATED, NODE_HEAD } from "./node-layout.ts";
import type { Thresholds } from "./thresholds.ts";
import type { Vocabulary } from "./vocabulary.ts";
import { numberOf } from "../numbers.ts";

/** Rules that hold; sorted by insertion up to this many, which is nearly always, and by the library beyond. */
const FEW = 24;
/** Rules under content alone that are looked at one by one, to see whether any is wanted, before content is read. */
const LOOKED_AT_MAX = 16;

/** Says of a rule, by its number, that its answer would change nothing; then content isn't read for it. */
export type Unwanted = (rule: number, found: readonly number[]) => boolean;

export class Matcher {
  private readonly tree: AccessTree;
  private readonly values: EventValues;
  private readonly vocabulary: Vocabulary;
  private readonly answers: Answers;
  private found: number[] = [];
  /** Pairs: place of a conjunction in the arena, place of the literal that is still to be asked. */
  private readonly postponed: number[] = [];
  private readonly postponedDivisions: Division[] = [];
  private postponing = true;
  private readonly visitNode = (node: number): void => this.visit(this.tree.nodes.offsets[node] as number);

  constructor(tree: AccessTree, values: EventValues, answers: Answers, vocabulary: Vocabulary) {
    this.tree = tree;
    this.values = values;
    this.answers = answers;
    this.vocabulary = vocabulary;
  }

  /**
   * Numbers of the rules that are true for the event in `values`, rising.
   *
   * @param unwanted - Asked before content is read; absent: every rule is wanted.
   */
  run(unwanted?: Unwanted): readonly number[] {
    const found: number[] = [];
    this.found = found;
    this.answers.begin();
    this.postponing = true;
    // Here, not behind: an event that ended in an error must leave nothing to the next.
    this.postponed.length = 0;
    this.postponedDivisions.length = 0;
    this.visit(this.tree.nodes.offsets[ROOT] as number);
    if (this.postponed.length > 0 || this.postponedDivisions.length > 0) this.runPostponed(unwanted);
    if (found.length > 1) sortWithoutRepeats(found);
    return found;
  }

  private visit(offset: number): void {
    const { ints } = this.tree.nodes.arena;
    const end = offset + NODE_HEAD + (ints[offset] as number);
    for (let at = offset + NODE_HEAD; at < end;) {
      const next = at + (ints[at + 1] as number);
      this.ask(ints, at, at + CONJUNCTION_HEAD, next);
      at = next;
    }
    const divided = ints[offset + 1] as number;
    if (divided !== 0) this.descend(divided);
  }

  /** Asks a conjunction's literals from `from` on. */
  private ask(ints: Int32Array, conjunction: number, from: number, end: number): void {
    const { ids, fingerprints } = this.values;
    for (let at = from; at < end; at += LITERAL) {
      const head = ints[at] as number;
      const operand = ints[at + 1] as number;
      if ((head & NEEDS_CONTENT) !== 0 && this.postponing) {
        this.postponed.push(conjunction, at);
        return;
      }
      const kind = head & KIND_MASK;
      if (kind > (IS_PRESENT | NEGATED)) {
        if (this.answers.of(operand) !== ((head & NEGATED) ^ YES)) return;
        continue;
      }
      const attribute = head >>> ATTRIBUTE_SHIFT;
      let id = ids[attribute] as number;
      if (id <= PENDING) {
        const print = ints[at + 2] as number;
        const own = print === 0 ? 0 : fingerprints[attribute] || this.values.fingerprint(attribute);
        id = own === print || own === 0 ? this.values.resolve(attribute) : OTHER;
      }
      if (id === UNKNOWN) return;
      const holds =
        kind >= IS_PRESENT
          ? id !== ABSENT
          : id === operand || (id === MANY && this.values.list(attribute).includes(this.vocabulary.valueTexts[operand] as string));
      if (holds === ((head & NEGATED) !== 0)) return;
    }
    this.found.push(ints[conjunction] as number);
  }

  private descend(node: number): void {
    const divisions = this.tree.divisions[node] as readonly Division[];
    for (let index = 0; index < divisions.length; index += 1) {
      const division = divisions[index] as Division;
      if (division.isContent && this.postponing) this.postponedDivisions.push(division);
      else this.enter(division, node === ROOT);
    }
  }

  private enter(division: Division, isRoot: boolean): void {
    const { attribute } = division;
    let id = this.values.ids[attribute] as number;
    if (id === ABSENT) return;
    if (id <= PENDING) id = this.values.resolve(attribute);
    if (id > 0) {
      const below = isRoot ? (this.tree.rootEqual[id] as number) : (division.equal.get(id) ?? 0);
      if (below > 0) this.visitNode(below);
    } else if (id === ABSENT || id === UNKNOWN) return;
    if (division.present !== 0) this.visitNode(division.present);
    if (id !== MANY) {
      if (division.prefixes !== null) this.values.walkPrefixes(attribute, division.prefixes, this.visitNode);
      if (division.thresholds !== null) this.enterByNumber(division.thresholds, this.values.text(attribute));
      return;
    }
    const { values } = this.vocabulary.entry(attribute);
    for (const text of new Set(this.values.list(attribute))) {
      const below = division.equal.get(values.get(text) ?? OTHER);
      if (below !== undefined) this.visitNode(below);
      division.prefixes?.walk(text, this.visitNode);
      if (division.thresholds !== null) this.enterByNumber(division.thresholds, text);
    }
  }

  private enterByNumber(thresholds: Thresholds, text: string): void {
    const number = numberOf(text);
    if (number !== null) thresholds.walk(number, this.visitNode);
  }

  /** Asks what takes content, now that everything else was asked. */
  private runPostponed(unwanted: Unwanted | undefined): void {
    this.postponing = false;
    const { ints } = this.tree.nodes.arena;
    const { postponed, postponedDivisions, found } = this;
    if (unwanted !== undefined) sortWithoutRepeats(found);
    for (let index = 0; index < postponed.length; index += 2) {
      const conjunction = postponed[index] as number;
      if (unwanted?.(ints[conjunction] as number, found) === true) continue;
      this.ask(ints, conjunction, postponed[index + 1] as number, conjunction + (ints[conjunction + 1] as number));
    }
    for (const division of postponedDivisions) {
      if (unwanted === undefined || this.isWanted(division, unwanted)) this.enter(division, false);
    }
  }

  /** False when surely no rule below is wanted. */
  private isWanted(division: Division, unwanted: Unwanted): boolean {
    const rules = this.tree.rulesBelow(division, LOOKED_AT_MAX);
    return rules === null || rules.some((rule) => !unwanted(rule, this.found));
  }
}

function sortWithoutRepeats(found: number[]): void {
  if (found.length > FEW) found.sort((left, right) => left - right);
  else sortFew(found);
  let kept = 1;
  for (let index = 1; index < found.length; index += 1) {
    if (found[index] === found[index - 1]) continue;
    found[kept] = found[index] as number;
    kept += 1;
  }
  if (kept < found.length) found.length = kept;
}

function sortFew(found: number[]): void {
  for (let index = 1; index < found.length; index += 1) {
    const value = found[index] as number;
    let at = index;
    for (; at > 0 && (found[at - 1] as number) > value; at -= 1) found[at] = found[at - 1] as number;
    found[at] = value;
  }
}
