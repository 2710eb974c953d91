/** One attribute by which a node is divided: from the event's value to the nodes below. */
import { PrefixTree } from "./prefix-tree.ts";
import { Thresholds } from "./thresholds.ts";
import type { Comparison } from "../rule.ts";

/** Under which value a node lies. */
export type Place =
  | { readonly kind: "equal"; readonly value: number }
  | { readonly kind: "prefix"; readonly text: string }
  | { readonly kind: "compare"; readonly comparison: Comparison; readonly number: number }
  | { readonly kind: "present" };

export class Division {
  readonly attribute: number;
  readonly isContent: boolean;
  /** By the value's number. */
  readonly equal = new Map<number, number>();
  prefixes: PrefixTree | null = null;
  thresholds: Thresholds | null = null;
  /** Reached whenever there is a value; 0: none. */
  present = 0;

  constructor(attribute: number, isContent: boolean) {
    this.attribute = attribute;
    this.isContent = isContent;
  }

  get isEmpty(): boolean {
    return this.equal.size === 0 && this.prefixes === null && this.thresholds === null && this.present === 0;
  }

  /** The node at a place; `make` gives one where there is none. */
  nodeAt(place: Place, make: () => number): number {
    switch (place.kind) {
      case "equal": {
        let node = this.equal.get(place.value);
        if (node === undefined) this.equal.set(place.value, (node = make()));
        return node;
      }
      case "prefix":
        return (this.prefixes ??= new PrefixTree()).nodeAt(place.text, make);
      case "compare":
        return (this.thresholds ??= new Thresholds()).nodeAt(place.comparison, place.number, make);
      case "present":
        if (this.present === 0) this.present = make();
        return this.present;
    }
  }

  /** Every node that it leads to. */
  nodes(): readonly number[] {
    const nodes = [...this.equal.values(), ...(this.prefixes?.nodes() ?? []), ...(this.thresholds?.nodes() ?? [])];
    return this.present === 0 ? nodes : [...nodes, this.present];
  }

  remove(place: Place): void {
    switch (place.kind) {
      case "equal":
        this.equal.delete(place.value);
        return;
      case "prefix":
        this.prefixes?.remove(place.text);
        if (this.prefixes?.isEmpty === true) this.prefixes = null;
        return;
      case "compare":
        this.thresholds?.remove(place.comparison, place.number);
        if (this.thresholds?.isEmpty === true) this.thresholds = null;
        return;
      case "present":
        this.present = 0;
    }
  }
}
