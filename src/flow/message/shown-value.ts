/** A value out of a body that may stand elsewhere in a message, such as in its key. */
import type { ContentValues } from "../content/pointers.ts";
import type { ContentPart } from "../match/rule.ts";
import type { RedactionPlan } from "./plan.ts";

/** Longer values are no ids, and no states. */
const VALUE_CHARS_MAX = 512;

/**
 * The text at a member of a body, where the stream leaves it in: what a message hides must not stand beside it.
 *
 * @returns Undefined where there is none, or it is no plain value, or it is removed.
 */
export function shownValue(part: ContentPart, member: string, content: ContentValues, plan: RedactionPlan): string | undefined {
  const { removeWhole, redact, keep } = plan.parts[part];
  if (removeWhole || (redact !== null && redact.accepts(redact.member(redact.start, member)))) return undefined;
  if (keep === "none" || (keep !== "all" && !keep.accepts(keep.member(keep.start, member)))) return undefined;
  const value = content.values(part, [member])?.[0];
  if (value === undefined || value === "null" || value.length > VALUE_CHARS_MAX) return undefined;
  return value.startsWith("{") || value.startsWith("[") ? undefined : value;
}
