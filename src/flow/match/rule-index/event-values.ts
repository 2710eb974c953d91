/**
 * What an event has, by the numbers of the attributes that rules use.
 *
 * A value's number is looked up when a rule first asks for it; content is looked for then, too. Nothing of one event is
 * left when the next begins.
 */
import { ByteTable } from "./byte-table.ts";
import { grown } from "./arena.ts";
import { fingerprintOfBytes, fingerprintOfText } from "./fingerprint.ts";
import { sameBytes, type PrefixTree } from "./prefix-tree.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** In place of a value's number: the attribute has no value. */
export const ABSENT = 0;
/** It has one that no rule names. */
export const OTHER = -1;
/** It has several. */
export const MANY = -2;
/** Its content can't be known. */
export const UNKNOWN = -3;
/** From here down: there is a value, and its number was not looked up yet. */
export const PENDING = -4;
/** The same, of a value that stands as bytes. */
const PENDING_BYTES = -5;
/** It may be in content, which was not looked into yet. */
const UNREAD = -6;

/** What content has at a pointer: undefined nothing, null can't be known. */
export type Found = readonly string[] | undefined | null;

/** Reads the content that an attribute needs, and gives what was found to {@link EventValues.setContent}. */
type ReadContent = (attribute: number) => void;

export class EventValues {
  /** By attribute: number of the value, or one of the marks above. */
  ids = new Int32Array(16);
  readonly #texts: (string | undefined)[] = [];
  readonly #lists: (readonly string[] | undefined)[] = [];
  /** By attribute: fingerprint of its single value; 0 where none was made. */
  fingerprints = new Int32Array(16);
  #starts = new Int32Array(16);
  #ends = new Int32Array(16);
  /** Attributes that have to be made absent again. */
  #touched = new Int32Array(16);
  #touchedCount = 0;
  /** Attributes whose content was read. */
  readonly #read: number[] = [];
  #bytes: Buffer | null = null;
  #view: DataView | null = null;
  #readContent: ReadContent | null = null;
  readonly #vocabulary: Vocabulary;

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
  }

  /** Takes in what the vocabulary added and removed; to be called between events. */
  fit(): void {
    const count = this.#vocabulary.attributeCount;
    this.ids = grown(this.ids, count);
    this.#starts = grown(this.#starts, count);
    this.fingerprints = grown(this.fingerprints, count);
    this.#ends = grown(this.#ends, count);
    this.#touched = grown(this.#touched, count);
    for (const { number } of this.#vocabulary.removed) this.ids[number] = ABSENT;
    for (const { number, isContent } of this.#vocabulary.added) {
      if (isContent) this.#leaveUnread(number);
      else this.ids[number] = ABSENT;
    }
  }

  /** @param bytes - In which values given as bytes lie, with a view of them. */
  begin(readContent: ReadContent | null, bytes: Buffer | null, view: DataView | null): void {
    this.#readContent = readContent;
    this.#bytes = bytes;
    this.#view = view;
  }

  /** Forgets the event. */
  end(): void {
    this.restart();
    this.#bytes = null;
    this.#view = null;
    this.#readContent = null;
  }

  /** Forgets what was added. */
  restart(): void {
    const touched = this.#touched;
    const { ids } = this;
    for (let index = 0; index < this.#touchedCount; index += 1) ids[touched[index] as number] = ABSENT;
    this.#touchedCount = 0;
    if (this.#read.length === 0) return;
    for (const attribute of this.#read) this.#leaveUnread(attribute);
    this.#read.length = 0;
  }

  isAbsent(attribute: number): boolean {
    return this.ids[attribute] === ABSENT;
  }

  /** Adds a value; a second one makes the attribute a repeated one. */
  add(attribute: number, text: string): void {
    if (this.ids[attribute] === ABSENT) {
      this.#touch(attribute);
      this.ids[attribute] = PENDING;
      this.fingerprints[attribute] = 0;
      this.#texts[attribute] = text;
    } else this.#addAgain(attribute, text);
  }

  /** Adds a value that stands in the event's bytes, in UTF-8 as it is. */
  addBytes(attribute: number, from: number, to: number): void {
    if (this.ids[attribute] !== ABSENT) {
      this.#addAgain(attribute, (this.#bytes as Buffer).toString("utf8", from, to));
      return;
    }
    this.#touch(attribute);
    this.ids[attribute] = PENDING_BYTES;
    this.fingerprints[attribute] = 0;
    this.#texts[attribute] = undefined;
    this.#starts[attribute] = from;
    this.#ends[attribute] = to;
  }

  /** Tells what content has. */
  setContent(attribute: number, found: Found): void {
    this.#read.push(attribute);
    if (found === undefined) this.ids[attribute] = ABSENT;
    else if (found === null) this.ids[attribute] = UNKNOWN;
    else if (found.length === 1) {
      this.ids[attribute] = PENDING;
      this.fingerprints[attribute] = 0;
      this.#texts[attribute] = found[0];
    } else {
      this.ids[attribute] = found.length === 0 ? ABSENT : MANY;
      this.#lists[attribute] = found;
    }
  }

  /** The number of the value, looked up if it has not been; or a mark from ABSENT to UNKNOWN. */
  resolve(attribute: number): number {
    let mark = this.ids[attribute] as number;
    if (mark === UNREAD) {
      if (this.#readContent === null) this.setContent(attribute, undefined);
      else this.#readContent(attribute);
      mark = this.ids[attribute] as number;
    }
    if (mark > PENDING) return mark;
    const entry = this.#vocabulary.entry(attribute);
    let id = OTHER;
    if (mark === PENDING) id = entry.values.get(this.#texts[attribute] as string) ?? OTHER;
    else if (entry.values.size > 0) {
      const from = this.#starts[attribute] as number;
      const length = (this.#ends[attribute] as number) - from;
      id = (entry.byteValues as ByteTable).find(this.#view as DataView, from, length) || OTHER;
    }
    this.ids[attribute] = id;
    return id;
  }

  /** Makes the fingerprint of an attribute's value. @returns 0 when there is none yet: content that was not read. */
  fingerprint(attribute: number): number {
    const mark = this.ids[attribute] as number;
    if (mark === UNREAD) return 0;
    const from = this.#starts[attribute] as number;
    const print =
      mark === PENDING
        ? fingerprintOfText(this.#texts[attribute] as string)
        : fingerprintOfBytes(this.#view as DataView, from, (this.#ends[attribute] as number) - from);
    this.fingerprints[attribute] = print;
    return print;
  }

  /** The single value of an attribute that has one. */
  text(attribute: number): string {
    let text = this.#texts[attribute];
    if (text === undefined) {
      text = (this.#bytes as Buffer).toString("utf8", this.#starts[attribute], this.#ends[attribute]);
      this.#texts[attribute] = text;
    }
    return text;
  }

  /** Whether the single value of an attribute begins with a text. */
  begins(attribute: number, prefix: string): boolean {
    const text = this.#texts[attribute];
    if (text !== undefined) return text.startsWith(prefix);
    const same = sameBytes(prefix, this.#view as DataView, this.#starts[attribute] as number, this.#ends[attribute] as number);
    return same < 0 ? this.text(attribute).startsWith(prefix) : same === prefix.length;
  }

  /** Calls `visit` with the node of each text that the single value of an attribute begins with. */
  walkPrefixes(attribute: number, prefixes: PrefixTree, visit: (node: number) => void): void {
    const text = this.#texts[attribute];
    if (text !== undefined) prefixes.walk(text, visit);
    else if (!prefixes.walkBytes(this.#view as DataView, this.#starts[attribute] as number, this.#ends[attribute] as number, visit))
      prefixes.walk(this.text(attribute), visit);
  }

  /** The values of an attribute whose mark is MANY. */
  list(attribute: number): readonly string[] {
    return this.#lists[attribute] as readonly string[];
  }

  #addAgain(attribute: number, text: string): void {
    if (this.ids[attribute] === MANY) (this.#lists[attribute] as string[]).push(text);
    else {
      this.#lists[attribute] = [this.text(attribute), text];
      this.ids[attribute] = MANY;
    }
  }

  /** A fingerprint that the event before left, or an attribute that had the number, would pass for that of the content. */
  #leaveUnread(attribute: number): void {
    this.ids[attribute] = UNREAD;
    this.fingerprints[attribute] = 0;
  }

  #touch(attribute: number): void {
    this.#touched[this.#touchedCount] = attribute;
    this.#touchedCount += 1;
  }
}
