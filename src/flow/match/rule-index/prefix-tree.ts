/**
 * A radix tree: finds, of many texts, those that a value begins with, in time that grows with the value's length alone.
 */
import { detached } from "../../detached.ts";

interface Branch {
  /** What stands on the edge that leads here. */
  label: string;
  children: Map<number, Branch> | null;
  /** 0: no text ends here. */
  node: number;
}

function sharedLength(label: string, text: string, from: number): number {
  const most = Math.min(label.length, text.length - from);
  let at = 0;
  while (at < most && label.charCodeAt(at) === text.charCodeAt(from + at)) at += 1;
  return at;
}

/**
 * How many characters of a text stand as bytes at a place.
 *
 * @returns -1 when that can't be told from single bytes, since one is beyond ASCII.
 */
export function sameBytes(text: string, view: DataView, from: number, to: number): number {
  const most = Math.min(text.length, to - from);
  for (let at = 0; at < most; at += 1) {
    const byte = view.getUint8(from + at);
    if (byte >= 0x80) return -1;
    if (byte !== text.charCodeAt(at)) return at;
  }
  return most;
}

export class PrefixTree {
  readonly #root: Branch = { label: "", children: null, node: 0 };

  get isEmpty(): boolean {
    return this.#root.node === 0 && this.#root.children === null;
  }

  /** The node of a text; `make` gives one where there is none yet. */
  nodeAt(text: string, make: () => number): number {
    let branch = this.#root;
    for (let at = 0; at < text.length;) {
      branch.children ??= new Map();
      const code = text.charCodeAt(at);
      const child = branch.children.get(code);
      if (child === undefined) {
        const leaf: Branch = { label: detached(text.slice(at)), children: null, node: 0 };
        branch.children.set(code, leaf);
        branch = leaf;
        break;
      }
      const shared = sharedLength(child.label, text, at);
      if (shared < child.label.length) {
        const rest = child.label.slice(shared);
        const fork: Branch = { label: child.label.slice(0, shared), children: new Map([[rest.charCodeAt(0), child]]), node: 0 };
        child.label = rest;
        branch.children.set(code, fork);
        branch = fork;
      } else branch = child;
      at += shared;
    }
    if (branch.node === 0) branch.node = make();
    return branch.node;
  }

  /** Takes a text out, and the branches that lead nowhere then. */
  remove(text: string): void {
    const path: Branch[] = [this.#root];
    for (let at = 0; at < text.length;) {
      const child = path.at(-1)?.children?.get(text.charCodeAt(at));
      if (child === undefined) return;
      path.push(child);
      at += child.label.length;
    }
    const last = path.at(-1) as Branch;
    last.node = 0;
    for (let depth = path.length - 1; depth > 0; depth -= 1) {
      const branch = path[depth] as Branch;
      if (branch.node !== 0 || branch.children !== null) return;
      const parent = path[depth - 1] as Branch;
      parent.children?.delete(branch.label.charCodeAt(0));
      if (parent.children?.size === 0) parent.children = null;
    }
  }

  nodes(): readonly number[] {
    const nodes: number[] = [];
    const open = [this.#root];
    for (let branch = open.pop(); branch !== undefined; branch = open.pop()) {
      if (branch.node !== 0) nodes.push(branch.node);
      if (branch.children !== null) open.push(...branch.children.values());
    }
    return nodes;
  }

  /**
   * The same for a value that stands as bytes.
   *
   * @returns False when it has a byte beyond ASCII on the way: it has to be walked as text then, once more.
   */
  walkBytes(view: DataView, from: number, to: number, visit: (node: number) => void): boolean {
    let branch = this.#root;
    let at = from;
    for (;;) {
      if (branch.node !== 0) visit(branch.node);
      if (branch.children === null || at >= to) return true;
      const byte = view.getUint8(at);
      if (byte >= 0x80) return false;
      const child = branch.children.get(byte);
      if (child === undefined) return true;
      const same = sameBytes(child.label, view, at, to);
      if (same < 0) return false;
      if (same < child.label.length) return true;
      at += same;
      branch = child;
    }
  }

  /** Calls `visit` with the node of each text that the value begins with. */
  walk(value: string, visit: (node: number) => void): void {
    let branch = this.#root;
    let at = 0;
    for (;;) {
      if (branch.node !== 0) visit(branch.node);
      if (branch.children === null || at >= value.length) return;
      const child = branch.children.get(value.charCodeAt(at));
      if (child === undefined || !value.startsWith(child.label, at)) return;
      at += child.label.length;
      branch = child;
    }
  }
}
