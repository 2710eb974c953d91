/** Reads templates of topics and keys: literal text with places such as `{tenant}`. */
import { TEMPLATE_CHARACTERS_MAX } from "./bounds.ts";
import type { RuleReader } from "./reader.ts";
import { RESERVED_WORDS } from "./rule.ts";
import type { Template } from "./rule.ts";
import { didYouMean } from "./suggest.ts";

/** Every name that may stand in braces. */
export const TEMPLATE_NAMES: readonly string[] = [
  "env",
  "module",
  "entity",
  "entityId",
  ...RESERVED_WORDS.map((word) => word.toLowerCase()),
];

/**
 * Reads a template from where the reader stands to `end`.
 *
 * @throws RuleSyntaxError for an empty one, an unknown name, braces that don't pair.
 */
export function readTemplate(reader: RuleReader, end: number): Template {
  const start = reader.offset;
  if (end === start) throw reader.invalid("this template is empty");
  if (end - start > TEMPLATE_CHARACTERS_MAX) throw reader.invalid(`a template has at most ${TEMPLATE_CHARACTERS_MAX} characters`);
  const parts: (string | { readonly name: string })[] = [];
  while (reader.offset < end) {
    const at = reader.offset;
    if (reader.next === "}") throw reader.invalid('this "}" closes nothing', "Braces can't be part of the text.");
    if (reader.next === "{") {
      parts.push({ name: readPlace(reader, end) });
      continue;
    }
    reader.match(/[^{}]+/y);
    reader.offset = Math.min(reader.offset, end);
    reader.refuseInvisible(at, reader.offset);
    parts.push(reader.text.slice(at, reader.offset));
  }
  return parts;
}

function readPlace(reader: RuleReader, end: number): string {
  const opening = reader.offset;
  if (reader.text.startsWith("{{", opening))
    throw reader.invalid("doubled braces are not supported", "Braces can't be part of the text; a place is {tenant}.");
  const closing = reader.text.indexOf("}", opening);
  if (closing === -1 || closing >= end) throw reader.invalid('this "{" is never closed', "A place is {tenant}, without spaces.");
  const name = reader.text.slice(opening + 1, closing);
  if (!TEMPLATE_NAMES.includes(name)) {
    const shown = name.slice(0, 40).replaceAll(/[\p{Cc}\p{Cf}]/gu, "\u00b7");
    throw reader.invalid(
      `{${shown}} is not a name for templates${didYouMean(name.trim(), TEMPLATE_NAMES)}`,
      `Names are ${TEMPLATE_NAMES.join(", ")}.`,
      opening + 1,
    );
  }
  reader.offset = closing + 1;
  return name;
}
