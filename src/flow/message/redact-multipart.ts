/**
 * Removes parts, and values inside parts, from a multipart body.
 *
 * Promise: a part that can't be read in full goes as a whole; files that are not text pass byte for byte. What stands
 * before the first and behind the last delimiter is left out: no reader shows it, so nobody would miss it there.
 */
import { readContent } from "../content/content.ts";
import { scanJson } from "../content/json-scan.ts";
import { headerOf } from "../content/media-type.ts";
import type { Part } from "../content/multipart.ts";
import type { PartPlan } from "./plan.ts";
import type { Pattern } from "./patterns.ts";
import { keepJson, redactJson } from "./redact-json.ts";
import { redactParameters } from "./redact-parameters.ts";
import { redactPatterns, withoutPatterns } from "./redact-text.ts";
import { REMOVED, type Removals } from "./removals.ts";
import { isSecretName, lenientDecode } from "./secret-names.ts";
import { namesSecret } from "./secret-text.ts";

export interface MultipartRedaction {
  readonly plan: PartPlan;
  readonly patterns: readonly Pattern[];
  readonly removals: Removals;
  /** `request.body` or `response.body`. */
  readonly place: string;
}

const CONTENT_REMOVED = Buffer.from(REMOVED);
const CRLF = Buffer.from("\r\n");

/** @returns The body put together again; null when no part is kept. */
export function redactMultipart(bytes: Buffer, boundary: string, parts: readonly Part[], redaction: MultipartRedaction): Buffer | null {
  const delimiter = Buffer.from(`--${boundary}`, "latin1");
  const pieces: Buffer[] = [];
  for (const part of parts) {
    const content = redactPart(bytes, part, redaction);
    if (content !== null) pieces.push(delimiter, CRLF, redactPartHead(bytes, part, redaction), content, CRLF);
  }
  if (pieces.length === 0 && parts.length > 0) return null;
  pieces.push(delimiter, Buffer.from("--\r\n"));
  return Buffer.concat(pieces);
}

/** A part's headers: those under secret names go, and matches of patterns, in a file's name for example. */
function redactPartHead(bytes: Buffer, part: Part, { patterns, removals, place }: MultipartRedaction): Buffer {
  const head = bytes.subarray(part.start, part.contentStart);
  const isSecret = part.headers.some((name, index) => index % 2 === 0 && isSecretName(name));
  const text = head.toString("utf8");
  if (!isSecret) {
    const clean = redactPatterns(text, patterns, removals, place);
    return clean === text ? head : Buffer.from(clean);
  }
  removals.secretInBody = true;
  removals.secret(place);
  return Buffer.from(`${REMOVED}: \r\n\r\n`);
}

/** The part's content as it may leave; null when the part isn't kept. */
function redactPart(bytes: Buffer, part: Part, redaction: MultipartRedaction): Buffer | null {
  const { plan, patterns, removals, place } = redaction;
  const content = bytes.subarray(part.contentStart, part.contentEnd);
  const path = withoutPatterns(part.names.length === 0 ? place : `${place}/${part.names[0] ?? ""}`, patterns);
  if (part.names.some((name) => isSecretName(name) || isSecretName(lenientDecode(name)))) {
    removals.secretInBody = true;
    removals.secret(path);
    return plan.keep === "all" ? CONTENT_REMOVED : null;
  }
  const { redact, keep } = plan;
  if (redact !== null && part.names.some((name) => redact.accepts(redact.member(redact.start, name)))) {
    removals.value(path, content, null);
    return keep === "all" ? CONTENT_REMOVED : null;
  }
  if (typeof keep !== "object") return redactContent(content, part, redaction, path);
  const name = part.names[0];
  const kept = name === undefined ? keep.start : keep.member(keep.start, name);
  if (name === undefined || keep.isDead(kept)) return null;
  const left = redactContent(content, part, redaction, path);
  if (keep.accepts(kept)) return left;
  const document = scanJson(left.toString("utf8"));
  const text = typeof document === "string" ? null : keepJson(document, keep, kept);
  return text === null ? null : Buffer.from(text);
}

function redactContent(bytes: Buffer, part: Part, redaction: MultipartRedaction, path: string): Buffer {
  const { plan, patterns, removals } = redaction;
  const transfer = headerOf(part.headers, "content-transfer-encoding")?.toLowerCase() ?? "binary";
  const content = readContent({ bytes, sizeBytes: bytes.length, truncated: false }, part.headers, { decodedBytesMax: bytes.length });
  const hidden = !["binary", "8bit", "7bit"].includes(transfer) || content.coding !== null;
  if (hidden || content.kind === "unreadable" || content.kind === "multipart") {
    removals.value(path, bytes, null);
    return CONTENT_REMOVED;
  }
  const { redact } = plan;
  const state = redact === null ? 0 : part.names[0] === undefined ? redact.start : redact.member(redact.start, part.names[0]);
  switch (content.kind) {
    case "json": {
      return Buffer.from(redactJson(content.document, { redact, state, patterns, removals, place: path }));
    }
    case "form": {
      const named = redact === null ? null : (name: string): boolean => redact.accepts(redact.member(state, name));
      const noteSecret = (): void => {
        removals.secretInBody = true;
      };
      return Buffer.from(
        redactParameters(content.text, { named, patterns, removals, place: `${path}/`, pathPlace: path, all: false }, noteSecret),
      );
    }
    case "text":
      if (namesSecret(content.text)) {
        removals.secretInBody = true;
        removals.secret(path);
        return CONTENT_REMOVED;
      }
      return Buffer.from(redactPatterns(content.text, patterns, removals, path));
    default:
      return bytes;
  }
}
