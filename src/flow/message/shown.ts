/**
 * What a person may see of an event: what a message would show, under the default redaction and that of a stream.
 *
 * Promise: it goes the way of a message and back, so that nothing is shown here that no message shows.
 */
import type { ContentLimits } from "../content/content.ts";
import type { ContentValues } from "../content/pointers.ts";
import type { IdentifiedEvent } from "../event.ts";
import type { Attributes } from "../match/rule.ts";
import { sourceOf } from "./attribute-text.ts";
import { makeParts } from "./data-parts.ts";
import { encodeData } from "./encode.ts";
import type { FieldPath } from "../settings.ts";
import { compilePlan } from "./plan.ts";
import { eventOfMessage, READ_BACK_BYTES_MAX } from "./read-back.ts";

/** Hashes of removed values aren't shown. */
const NO_KEY = Buffer.alloc(32);
const WHOLE = { bytesMax: READ_BACK_BYTES_MAX, types: ["json", "text", "form", "multipart", "binary"] } as const;

const NOTHING: Attributes = { word: () => null, header: () => null, responseHeader: () => null, content: () => null };

/**
 * @param redact - The stream's own; what it doesn't `keep` is shown all the same.
 * @returns A view that is null for what is not to be shown.
 */
export function shownAttributes(
  event: IdentifiedEvent,
  content: ContentValues,
  limits: ContentLimits,
  redact: readonly FieldPath[],
): Attributes {
  const data = encodeData(makeParts(event, content, compilePlan(redact, null), NO_KEY), WHOLE, READ_BACK_BYTES_MAX);
  const headers = [
    ["ce_type", `dev.sidestream.${event.kind}`],
    ["ce_source", sourceOf("-", event.source)],
    ["ce_sidestreamtenant", event.identity.tenant],
  ] as const;
  const shown = eventOfMessage({ headers, value: Buffer.from(data) }, { limits, keepsAll: () => true });
  return typeof shown === "string" ? NOTHING : shown.attributes;
}
