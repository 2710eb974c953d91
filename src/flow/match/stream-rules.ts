/**
 * The live rules of all streams: chooses what becomes of an event.
 *
 * Promise: it chooses what {@link select}, which looks at each rule, would choose, at a cost that hardly grows with the
 * number of streams and rules.
 */
import { isShadow, type StreamSettings } from "../settings.ts";
import { isFromContent } from "./evaluate.ts";
import { printTarget } from "./print.ts";
import type { Criteria } from "./rule.ts";
import type { Selection } from "./select.ts";
import { StreamIndex, type AskedEvent, type StreamRule } from "./stream-index.ts";

interface StreamPart {
  /** A rule that publishes may hold only once content was read. */
  readonly publishesByContent: boolean;
  /** Numbers of its targets by destination and topic template. */
  readonly targets: Map<string, number>;
}

interface RulePart extends StreamRule {
  readonly of: StreamPart;
  readonly ignores: boolean;
  /** Numbers of its targets: alike within a stream where destination and topic template are. */
  readonly targets: readonly number[];
}

export class StreamRules {
  readonly #index: StreamIndex;
  /** By the rule's number in the index. */
  readonly #parts: readonly RulePart[];

  /** @param streams - Compiled once; they don't change. */
  constructor(streams: readonly StreamSettings[]) {
    this.#index = new StreamIndex(streams, (rule) => !isShadow(rule));
    const parts = new Map<StreamSettings, StreamPart>();
    this.#parts = this.#index.rules.map(({ stream, rule }) => {
      let of = parts.get(stream);
      if (of === undefined) parts.set(stream, (of = partOf(stream)));
      return {
        of,
        stream,
        rule,
        ignores: rule.action === "ignore",
        targets: rule.targets.map((target) => numberOf(of, printTarget(target))),
      };
    });
  }

  /** Messages for an event, in the order of streams and rules: at most one per stream and target. */
  select(asked: AskedEvent): readonly Selection[] {
    const found = this.#index.find(asked, this.#unwanted);
    return found.length === 0 ? NOTHING : this.#selections(found);
  }

  /** Content is not read for a rule whose targets all have their message, nor for one that would silence nothing. */
  readonly #unwanted = (number: number, found: readonly number[]): boolean => {
    const { of, targets, ignores } = this.#parts[number] as RulePart;
    const others = found.map((each) => this.#parts[each] as RulePart).filter((other) => other.of === of && !other.ignores);
    if (ignores) return others.length === 0 && !of.publishesByContent;
    const earlier = others.filter(({ rule }) => rule.number < (this.#parts[number] as RulePart).rule.number);
    return targets.every((target) => earlier.some((other) => other.targets.includes(target)));
  };

  #selections(found: readonly number[]): readonly Selection[] {
    const selections: Selection[] = [];
    for (let first = 0; first < found.length;) {
      const { of } = this.#parts[found[first] as number] as RulePart;
      let next = first + 1;
      while (next < found.length && (this.#parts[found[next] as number] as RulePart).of === of) next += 1;
      this.#selectFrom(found, first, next, selections);
      first = next;
    }
    return selections;
  }

  /** Adds what one stream makes of the event, from its rules that hold. */
  #selectFrom(found: readonly number[], first: number, next: number, selections: Selection[]): void {
    for (let at = first; at < next; at += 1) if ((this.#parts[found[at] as number] as RulePart).ignores) return;
    const taken = new Set<number>();
    for (let at = first; at < next; at += 1) {
      const { stream, rule, targets } = this.#parts[found[at] as number] as RulePart;
      for (const [place, target] of rule.targets.entries()) {
        const number = targets[place] as number;
        if (taken.has(number)) continue;
        taken.add(number);
        selections.push({ stream, rule, target });
      }
    }
  }
}

const NOTHING: readonly Selection[] = [];

function partOf({ rules }: StreamSettings): StreamPart {
  const live = rules.filter((rule) => !isShadow(rule));
  return {
    publishesByContent: live.some(({ action, criteria }) => action === "publish" && looksIntoContent(criteria)),
    targets: new Map(),
  };
}

function numberOf({ targets }: StreamPart, name: string): number {
  return targets.get(name) ?? (targets.set(name, targets.size), targets.size - 1);
}

function looksIntoContent(criteria: Criteria): boolean {
  switch (criteria.kind) {
    case "and":
    case "or":
      return criteria.of.some(looksIntoContent);
    case "not":
      return looksIntoContent(criteria.of);
    default:
      return isFromContent(criteria.attribute);
  }
}
