/**
 * The attributes of an event as given to the index, seen the plain way: what the index has to agree with, and what
 * explanations are made from.
 */
import { valuesAt } from "../../content/json-pointer.ts";
import { CONTENT_PARTS, reservedWordOf, TENANT_HEADER } from "../names.ts";
import type { Attributes, ContentPart, ReservedWord } from "../rule.ts";
import { documentOf } from "./content-texts.ts";
import type { EventAttributes } from "./event-input.ts";
import { lowerCase } from "./spellings.ts";

const CLAIM = `header.${TENANT_HEADER}`;

/** A value of any kind as text: what isn't a string counts with its JSON. */
function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

function textsOf(value: unknown): readonly string[] {
  return (Array.isArray(value) ? (value as readonly unknown[]) : [value])
    .filter((one) => one !== undefined && one !== null)
    .map((one) => textOf(one));
}

/** Looks at an event's attributes one by one. */
export function viewOf(attributes: EventAttributes): Attributes {
  const values = new Map<string, string[]>();
  const contents = new Map<ContentPart, unknown>();
  const claims: string[] = [];
  for (const [name, value] of Object.entries(attributes)) {
    const part = CONTENT_PARTS.find((each) => each === name);
    if (part !== undefined) contents.set(part, Array.isArray(value) ? value.at(-1) : value);
    else {
      const key = keyOfName(name);
      if (key === CLAIM && !lowerCase(name).startsWith("header.")) claims.push(...textsOf(value));
      values.set(key, [...(values.get(key) ?? []), ...textsOf(value)]);
    }
  }
  const get = (key: string): readonly string[] | undefined => {
    const found = values.get(key);
    return found === undefined || found.length === 0 ? undefined : found;
  };
  const claimed = (): readonly string[] | undefined => (claims.length === 0 ? undefined : claims);
  const words = (word: ReservedWord): readonly string[] | undefined => get(word) ?? (word === "TENANT" ? claimed() : undefined);
  return {
    words,
    word: (word) => words(word)?.[0],
    header: (name) => get(`header.${name}`),
    responseHeader: (name) => get(`response.${name}`),
    content: (part, pointer) => {
      const text = contents.get(part);
      if (text === undefined || text === null) return text;
      const document = documentOf(textOf(text));
      return document instanceof Object ? valuesAt(document, pointer) : document;
    },
  };
}

function keyOfName(name: string): string {
  if (reservedWordOf(name) !== undefined) return name;
  const lower = lowerCase(name);
  return lower.startsWith("header.") || lower.startsWith("response.") ? lower : `header.${lower}`;
}
