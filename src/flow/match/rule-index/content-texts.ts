/**
 * Content that is given as the text of each part. It is read once a rule asks, and then for all pointers at once.
 */
import { scanJson, type JsonDocument } from "../../content/json-scan.ts";
import { VALUES_BYTES_MAX } from "../../content/pointers.ts";
import { CONTENT_PARTS } from "../names.ts";
import type { ContentPart } from "../rule.ts";
import type { EventValues } from "./event-values.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Undefined: the event has no such part. Null: it has, but what is in it can't be known. */
type Text = string | undefined | null;

const MARK = "\u{feff}";

/** @returns Undefined when it isn't JSON; null when it is larger or deeper than rules look into. */
export function documentOf(text: string): JsonDocument | undefined | null {
  if (text.length > VALUES_BYTES_MAX || Buffer.byteLength(text) > VALUES_BYTES_MAX) return null;
  const document = scanJson(text.startsWith(MARK) ? text.slice(1) : text);
  if (typeof document !== "string") return document;
  return document === "malformed" ? undefined : null;
}

export class ContentTexts {
  readonly #texts: Text[] = [undefined, undefined, undefined];
  readonly #vocabulary: Vocabulary;
  readonly #values: EventValues;
  #given = false;

  constructor(vocabulary: Vocabulary, values: EventValues) {
    this.#vocabulary = vocabulary;
    this.#values = values;
  }

  /** @param part - Place in {@link CONTENT_PARTS}. */
  set(part: number, text: Text): void {
    this.#texts[part] = text;
    this.#given = true;
  }

  clear(): void {
    if (this.#given) this.#texts.fill(undefined);
    this.#given = false;
  }

  /** Tells the values what the content has that an attribute is about, and what else rules look for in the same part. */
  readonly read = (attribute: number): void => {
    const { attribute: asked } = this.#vocabulary.entry(attribute);
    if (asked.kind !== "content") return;
    const text = this.#texts[CONTENT_PARTS.indexOf(asked.part)];
    const document = typeof text === "string" ? documentOf(text) : text;
    tellContent(this.#vocabulary, this.#values, asked.part, document);
  };
}

/** Tells the values what every pointer into a part finds. */
export function tellContent(
  vocabulary: Vocabulary,
  values: EventValues,
  part: ContentPart,
  document: JsonDocument | undefined | null,
): void {
  const tell = (attribute: number, found: readonly string[] | undefined | null): void => values.setContent(attribute, found);
  if (document instanceof Object) vocabulary.pointers[part].find(document, tell);
  else vocabulary.pointers[part].tellAll(document, tell);
}
