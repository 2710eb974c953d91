/** Attributes written down as a record, for tests: `{ METHOD: "POST", "x-a": ["1", "2"], "payload/state": null }`. */
import { parseAttribute } from "../parse.ts";
import { printAttribute } from "../print.ts";
import type { Attribute, Attributes } from "../rule.ts";

export type AttributeRecord = Readonly<Record<string, string | readonly string[] | null>>;

/** Names as in rules; a list is a repeated header or several values, null is unknown. Pointers are looked up as written. */
export function attributesFromRecord(record: AttributeRecord): Attributes {
  const values = new Map<string, readonly string[] | null>();
  for (const [name, value] of Object.entries(record)) {
    values.set(printAttribute(parseAttribute(name)), typeof value === "string" ? [value] : value);
  }
  const get = (attribute: Attribute): readonly string[] | undefined | null => values.get(printAttribute(attribute));
  const headerOf = (attribute: Attribute): readonly string[] | undefined => get(attribute) ?? undefined;
  return {
    word: (word) => {
      const found = get({ kind: "word", word });
      return found === null ? null : found?.[0];
    },
    header: (name) => headerOf({ kind: "header", name }),
    responseHeader: (name) => headerOf({ kind: "responseHeader", name }),
    content: (part, pointer) => get({ kind: "content", part, pointer }),
  };
}
