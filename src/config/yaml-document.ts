/** One parsed YAML file: its value as plain data, and where each part of it stands. */
import { type Document, isAlias, isMap, isScalar, isSeq, type LineCounter, type Node, type Pair, type Scalar } from "yaml";
import type { Place } from "./finding.ts";
import { offsetsInSource } from "./scalar-offset.ts";

export type Path = readonly PropertyKey[];

/** One parsed file: its value as plain data, and where each part of it stands. */
export class YamlDocument {
  readonly file: string;
  readonly text: string;
  readonly value: unknown;
  readonly #document: Document.Parsed | null;
  readonly #lines: LineCounter;

  constructor(file: string, text: string, value: unknown, document: Document.Parsed | null, lines: LineCounter) {
    this.file = file;
    this.text = text;
    this.value = value;
    this.#document = document;
    this.#lines = lines;
  }

  /**
   * Where a value stands: scalars and list items at their start, other collections at their key. What isn't there is
   * placed at the nearest collection around it.
   */
  place(path: Path): Place {
    const { steps } = this.#walk(path);
    for (const { node, key } of steps.toReversed()) {
      if (node !== null && isScalar(node) && node.range && (node.value !== null || key === null)) return this.placeAt(node.range[0]);
      if (key?.range) return this.placeAt(key.range[0]);
      if (node?.range) return this.placeAt(node.range[0]);
    }
    return { line: 1, column: 1 };
  }

  /** Where the key at the end of a path stands. */
  placeOfKey(path: Path): Place {
    const { steps, whole } = this.#walk(path);
    const key = whole ? steps.at(-1)?.key : null;
    return key?.range ? this.placeAt(key.range[0]) : this.place(path);
  }

  /** True when the file itself has something at the path, be it null. */
  has(path: Path): boolean {
    return this.#walk(path).whole;
  }

  /** The node at a path, aliases followed; null when there is none. */
  node(path: Path): Node | null {
    const { steps, whole } = this.#walk(path);
    return whole ? (steps.at(-1)?.node ?? null) : null;
  }

  /**
   * Where a character of a text value stands.
   *
   * @param offset - UTF-16 units into the value.
   * @returns The start of the value when the way from the file's text to the value can't be retraced exactly.
   */
  placeInText(path: Path, offset: number): Place {
    const node = this.node(path);
    const start = this.place(path);
    if (node === null || !isScalar(node) || typeof node.value !== "string") return start;
    const at = offsetsInSource(this.text, node as Scalar<string>)?.[offset];
    return at === undefined ? start : this.placeAt(at);
  }

  placeAt(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  #walk(path: Path): { steps: { node: Node | null; key: Scalar | null }[]; whole: boolean } {
    const document = this.#document;
    let node: Node | null = document?.contents ?? null;
    const steps: { node: Node | null; key: Scalar | null }[] = [{ node, key: null }];
    for (const step of path) {
      if (isAlias(node) && document !== null) node = node.resolve(document) ?? null;
      if (isMap(node)) {
        const pair: Pair | undefined = node.items.find((item) => isScalar(item.key) && String(item.key.value) === step);
        if (pair === undefined) return { steps, whole: false };
        node = (pair.value as Node | null) ?? null;
        steps.push({ node, key: pair.key as Scalar });
      } else if (isSeq(node) && typeof step === "number" && step < node.items.length) {
        node = (node.items[step] as Node | undefined) ?? null;
        steps.push({ node, key: null });
      } else return { steps, whole: false };
    }
    if (isAlias(node) && document !== null) {
      node = node.resolve(document) ?? null;
      const last = steps.at(-1);
      if (last !== undefined) last.node = node;
    }
    return { steps, whole: true };
  }
}
