/**
 * The names and values that rules use, each under a small number, so that matching compares numbers.
 *
 * Promise: what no rule uses any more is forgotten, and its number used again.
 */
import { detached } from "../../detached.ts";
import { PointerSet } from "../../content/pointer-set.ts";
import type { Attribute, ContentPart, ReservedWord } from "../rule.ts";
import { ByteTable } from "./byte-table.ts";
import { Regexes } from "./regexes.ts";

/** How an attribute's values are known: read with the event, or looked for in content once a rule asks. */
export interface AttributeEntry {
  readonly number: number;
  readonly key: string;
  readonly attribute: Attribute;
  readonly isContent: boolean;
  /** What its values are worth for telling events apart, beside how many of them rules name. */
  readonly weight: number;
  /** Numbers of the values that rules compare it with. */
  readonly values: Map<string, number>;
  /** The same by bytes; null until an event comes as bytes. */
  byteValues: ByteTable | null;
  /** Distinct beginnings that rules look for. */
  prefixCount: number;
  /** Its regular expressions; made anew when one comes or goes. */
  regexes: Regexes;
  references: number;
}

/** A tenant tells events apart better than anything else; these tell little, however many values are named. */
const WEIGHTS: Partial<Readonly<Record<ReservedWord, number>>> = {
  TENANT: 8,
  USERID: 4,
  REQUESTID: 4,
  WALLET: 4,
  SOURCE: 0.25,
  EVENTTYPE: 0.25,
  METHOD: 0.5,
  STATUS: 0.5,
  OUTCOME: 0.25,
};

/** Tells attributes apart. */
export function keyOf(attribute: Attribute): string {
  switch (attribute.kind) {
    case "word":
      return attribute.word;
    case "header":
      return `header.${attribute.name}`;
    case "responseHeader":
      return `response.${attribute.name}`;
    case "content":
      return `${attribute.part}${JSON.stringify(attribute.pointer)}`;
  }
}

export class Vocabulary {
  /** By number; a hole where an attribute was given up. */
  readonly attributes: (AttributeEntry | undefined)[] = [];
  /** Texts of the values, by number from 1; empty where one was given up. */
  readonly valueTexts: string[] = [""];
  /** Attributes that came and went since {@link settle}. */
  readonly added = new Set<AttributeEntry>();
  readonly removed = new Set<AttributeEntry>();
  readonly #byKey = new Map<string, AttributeEntry>();
  /** The same for request headers, by their names. */
  readonly #byHeader = new Map<string, AttributeEntry>();
  readonly #freeAttributes: number[] = [];
  readonly #valueReferences: number[] = [0];
  readonly #freeValues: number[] = [];
  /** Pointers into each part of the content; their owners are the attributes' numbers. */
  readonly pointers: Readonly<Record<ContentPart, PointerSet>> = {
    "request.body": new PointerSet(),
    "response.body": new PointerSet(),
    payload: new PointerSet(),
  };
  readonly #wordsFromContent: readonly ReservedWord[];
  #byBytes = false;

  /** @param wordsFromContent - Reserved words whose value has to be looked for in content. */
  constructor(wordsFromContent: readonly ReservedWord[]) {
    this.#wordsFromContent = wordsFromContent;
  }

  get attributeCount(): number {
    return this.attributes.length;
  }

  /** Says that the changes were taken in. */
  settle(): void {
    this.added.clear();
    this.removed.clear();
  }

  find(key: string): AttributeEntry | undefined {
    return this.#byKey.get(key);
  }

  entry(number: number): AttributeEntry {
    return this.attributes[number] as AttributeEntry;
  }

  /** The entry of an attribute, made where there is none, and held until it is released as often as it was asked for. */
  acquireAttribute(attribute: Attribute): AttributeEntry {
    let entry = attribute.kind === "header" ? this.#byHeader.get(attribute.name) : this.#byKey.get(keyOf(attribute));
    if (entry === undefined) {
      const key = keyOf(attribute);
      entry = {
        number: this.#freeAttributes.pop() ?? this.attributes.length,
        key: detached(key),
        attribute: detachedAttribute(attribute),
        isContent: attribute.kind === "content" || (attribute.kind === "word" && this.#wordsFromContent.includes(attribute.word)),
        weight: attribute.kind === "word" ? (WEIGHTS[attribute.word] ?? 1) : 1,
        values: new Map(),
        byteValues: this.#byBytes ? new ByteTable() : null,
        prefixCount: 0,
        regexes: new Regexes(),
        references: 0,
      };
      this.attributes[entry.number] = entry;
      this.#byKey.set(entry.key, entry);
      if (entry.attribute.kind === "header") this.#byHeader.set(entry.attribute.name, entry);
      if (entry.attribute.kind === "content") this.pointers[entry.attribute.part].add(entry.number, entry.attribute.pointer);
      this.added.add(entry);
    }
    entry.references += 1;
    return entry;
  }

  releaseAttribute(number: number): void {
    const entry = this.entry(number);
    entry.references -= 1;
    if (entry.references > 0) return;
    this.#byKey.delete(entry.key);
    if (entry.attribute.kind === "header") this.#byHeader.delete(entry.attribute.name);
    if (entry.attribute.kind === "content") this.pointers[entry.attribute.part].remove(number, entry.attribute.pointer);
    this.attributes[number] = undefined;
    this.#freeAttributes.push(number);
    if (!this.added.delete(entry)) this.removed.add(entry);
  }

  /** The number of a value of an attribute, from 1. */
  acquireValue(entry: AttributeEntry, text: string): number {
    let value = entry.values.get(text);
    if (value === undefined) {
      const own = detached(text);
      value = this.#freeValues.pop() ?? this.valueTexts.length;
      this.valueTexts[value] = own;
      this.#valueReferences[value] = 0;
      entry.values.set(own, value);
      if (entry.byteValues !== null) addBytes(entry.byteValues, own, value);
    }
    this.#valueReferences[value] = (this.#valueReferences[value] ?? 0) + 1;
    return value;
  }

  releaseValue(entry: AttributeEntry, value: number): void {
    const left = (this.#valueReferences[value] ?? 0) - 1;
    this.#valueReferences[value] = left;
    if (left > 0) return;
    const text = this.valueTexts[value] ?? "";
    entry.values.delete(text);
    entry.byteValues?.remove(text);
    this.valueTexts[value] = "";
    this.#freeValues.push(value);
  }

  /** Makes values findable by their bytes, now and from now on. */
  useBytes(): void {
    if (this.#byBytes) return;
    this.#byBytes = true;
    for (const entry of this.attributes) {
      if (entry === undefined) continue;
      entry.byteValues = new ByteTable();
      for (const [text, value] of entry.values) addBytes(entry.byteValues, text, value);
    }
  }
}

/** Text that isn't well-formed never comes as bytes in UTF-8. */
function addBytes(table: ByteTable, text: string, value: number): void {
  if (text.isWellFormed()) table.add(text, value);
}

function detachedAttribute(attribute: Attribute): Attribute {
  switch (attribute.kind) {
    case "word":
      return attribute;
    case "content":
      return { ...attribute, pointer: attribute.pointer.map(detached) };
    default:
      return { ...attribute, name: detached(attribute.name) };
  }
}
