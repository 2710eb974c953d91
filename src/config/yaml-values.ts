/**
 * Plain data from YAML nodes.
 *
 * Promise: aliases are followed within bounds, so that a small file can't become a large value; what readers of YAML
 * take differently is refused.
 */
import { type Document, isAlias, isMap, isScalar, isSeq, type Node } from "yaml";
import { formatPath } from "./finding.ts";

/** The configuration itself needs 8 levels. */
export const DEPTH_MAX = 64;
/** Aliases in a file. */
export const ALIASES_MAX = 100;
/** Values after aliases are followed: more than a file of 1 MiB without aliases can hold. */
export const VALUES_MAX = 600_000;

/** Tells a fault at an offset of the source. */
export type Refuse = (offset: number, problem: string, hint?: string, path?: string) => void;

const CORE_TAGS = new Set(["!", ...["str", "int", "float", "bool", "null", "map", "seq"].map((name) => `tag:yaml.org,2002:${name}`)]);

/** Makes plain data of the nodes, following aliases within bounds. */
export class Conversion {
  readonly #document: Document.Parsed;
  readonly #source: string;
  readonly #refuse: Refuse;
  readonly #path: PropertyKey[] = [];
  readonly #following = new Set<Node>();
  #aliasCount = 0;
  #valueCount = 0;

  constructor(document: Document.Parsed, source: string, refuse: Refuse) {
    this.#document = document;
    this.#source = source;
    this.#refuse = refuse;
  }

  run(): unknown {
    return this.#convert(this.#document.contents);
  }

  #fault(node: Node | null, problem: string, hint?: string): undefined {
    this.#refuse(node?.range?.[0] ?? 0, problem, hint, formatPath(this.#path));
    return undefined;
  }

  #convert(node: Node | null): unknown {
    this.#valueCount += 1;
    if (this.#valueCount > VALUES_MAX) return undefined;
    if (this.#valueCount === VALUES_MAX) return this.#fault(node, `expected at most ${VALUES_MAX} values once aliases are followed`);
    if (this.#path.length > DEPTH_MAX)
      return this.#fault(node, `expected at most ${DEPTH_MAX} levels of nesting once aliases are followed`);
    if (isAlias(node)) return this.#followAlias(node);
    if (node?.tag !== undefined && !CORE_TAGS.has(node.tag))
      return this.#fault(node, `the tag ${node.tag} is not accepted`, "Write the value without a tag.");
    if (isMap(node)) return this.#convertMap(node);
    if (isSeq(node)) {
      return node.items.map((item, index) => this.#inside(index, item as Node | null));
    }
    if (!isScalar(node)) return null;
    const written = this.#source.slice(node.range?.[0], node.range?.[1]);
    if (typeof node.value === "number" && /^[-+]?0\d/.test(written)) {
      return this.#fault(
        node,
        `${written.slice(0, 40)} is read differently by different versions of YAML`,
        "Quote it when it is text; drop the leading zeros when it is a number.",
      );
    }
    return node.value;
  }

  #inside(step: PropertyKey, node: Node | null): unknown {
    this.#path.push(step);
    const value = this.#convert(node);
    this.#path.pop();
    return value;
  }

  #followAlias(alias: Node): unknown {
    if (!isAlias(alias)) return undefined;
    this.#aliasCount += 1;
    if (this.#aliasCount > ALIASES_MAX) {
      // Told once; the rest of the file is walked without following any.
      return this.#aliasCount === ALIASES_MAX + 1
        ? this.#fault(alias, `expected at most ${ALIASES_MAX} aliases`, "Write the values out.")
        : undefined;
    }
    const target = alias.resolve(this.#document) as Node | undefined;
    if (target === undefined) return this.#fault(alias, `the anchor &${alias.source} is not defined above`);
    if (this.#following.has(target)) return this.#fault(alias, `the alias *${alias.source} stands inside what it stands for`);
    this.#following.add(target);
    const value = this.#convert(target);
    this.#following.delete(target);
    return value;
  }

  #convertMap(map: Node): unknown {
    if (!isMap(map)) return undefined;
    const result: Record<string, unknown> = {};
    const seen = new Set<string>();
    for (const { key, value } of map.items) {
      const node = isAlias(key) ? (key.resolve(this.#document) ?? null) : (key as Node | null);
      const place = (key as Node | null) ?? map;
      if (!isScalar(node) || node.value === null || typeof node.value === "object") {
        this.#fault(place, "expected a name before the colon");
        continue;
      }
      const name = node.value;
      if (typeof name !== "string") this.#fault(place, `expected a name as key, found ${JSON.stringify(name)}`, "Quote it.");
      else if (name === "<<") this.#fault(place, "merge keys (<<) are not accepted", "Write the values out.");
      else if (name === "__proto__") this.#fault(place, "the key __proto__ is not accepted");
      else if (seen.has(name)) this.#fault(place, `the key "${name}" is already there`, "Remove one of the two.");
      else {
        seen.add(name);
        result[name] = this.#inside(name, value as Node | null);
      }
    }
    return result;
  }
}
