/**
 * Makes of a body what may leave: redacted, reduced to what the stream keeps, or withheld whole.
 *
 * Promise: a body that holds named fields leaves only if every field in it was looked at.
 */
import { isUtf8 } from "node:buffer";
import type { Content } from "../content/content.ts";
import { scanJson } from "../content/json-scan.ts";
import type { CapturedBody } from "../event.ts";
import type { BodyType } from "../settings.ts";
import type { PartPlan } from "./plan.ts";
import type { Pattern } from "./patterns.ts";
import { keepJson, redactJson } from "./redact-json.ts";
import { redactMultipart } from "./redact-multipart.ts";
import { decodeParameter, redactParameters } from "./redact-parameters.ts";
import { redactPatterns, withoutCutWord } from "./redact-text.ts";
import type { Removals } from "./removals.ts";
import { namesSecret } from "./secret-text.ts";

/** Why a body is not in the message though it was captured. */
export type Withheld =
  | "login-route"
  | "plaintext"
  | "secret-in-text"
  | "cut"
  | "undecodable"
  | "too-large"
  | "too-deep"
  | "malformed"
  | "unknown-charset";
/** Why a body is not in the message though it could be. */
export type Omitted = "type" | "not-kept" | "redacted";

export interface OutBody {
  /** How `text` or `bytes` stand in the message; null: there is nothing. */
  readonly encoding: "json" | "text" | "base64" | null;
  /** JSON text for `json`, the text itself for `text`. */
  readonly text: string;
  readonly bytes: Buffer | null;
  readonly type: BodyType | null;
  /** On the wire; null where it would tell the length of a secret. */
  readonly sizeBytes: number | null;
  readonly coding: string | null;
  readonly truncated: boolean;
  readonly withheld: Withheld | null;
  readonly omitted: Omitted | null;
  readonly hash: string | undefined;
}

export interface BodyRedaction {
  readonly plan: PartPlan;
  readonly patterns: readonly Pattern[];
  readonly removals: Removals;
  /** `request.body`, `response.body` or `payload`. */
  readonly place: string;
  /** Set for bodies that never leave, whatever is in them. */
  readonly never: "login-route" | "plaintext" | null;
}

export function redactBody(content: Content, body: CapturedBody, redaction: BodyRedaction): OutBody {
  const { plan, removals, place, never } = redaction;
  if (content.kind === "empty") return nothing(body, { sizeBytes: body.sizeBytes });
  if (never !== null) {
    removals.secretInBody = true;
    removals.secret(place);
    return nothing(body, { withheld: never });
  }
  if (plan.removeWhole) {
    removals.secretInBody = true;
    removals.secret(place);
    return nothing(body, { omitted: "redacted" });
  }
  if (content.kind === "unreadable") {
    if (plan.keep === "none") return nothing(body, { omitted: "not-kept", sizeBytes: body.sizeBytes });
    return nothing(body, { withheld: content.reason, sizeBytes: body.sizeBytes, hash: removals.hash(body.bytes) });
  }
  if (hidesSecretInText(content)) {
    removals.secretInBody = true;
    removals.secret(place);
    return nothing(body, { withheld: "secret-in-text" });
  }
  if (plan.keep === "none") {
    // Looked into all the same: its size may tell the length of a secret.
    const unlisted = removals.another();
    redactContent(content, { ...redaction, removals: unlisted });
    removals.secretInBody = unlisted.secretInBody;
    return nothing(body, { omitted: "not-kept", sizeBytes: unlisted.secretInBody ? null : body.sizeBytes });
  }
  const made = redactContent(content, redaction);
  if (made === null) return nothing(body, { omitted: "not-kept", sizeBytes: removals.secretInBody ? null : body.sizeBytes });
  return {
    encoding: made.bytes === null ? (content.kind === "json" ? "json" : "text") : "base64",
    text: made.text,
    bytes: made.bytes,
    type: content.kind,
    sizeBytes: removals.secretInBody ? null : body.sizeBytes,
    coding: content.coding,
    truncated: body.truncated,
    withheld: null,
    omitted: null,
    hash: undefined,
  };
}

/** Of text no part can be told from another, so it goes whole. Text in UTF-16 or an old charset comes as binary. */
function hidesSecretInText(content: Content): boolean {
  if (content.kind === "text") return namesSecret(content.text);
  return content.kind === "binary" && namesSecret(content.bytes.toString("latin1").replaceAll("\0", ""));
}

function nothing(body: CapturedBody, known: Partial<OutBody>): OutBody {
  return {
    encoding: null,
    text: "",
    bytes: null,
    type: null,
    sizeBytes: null,
    coding: null,
    truncated: body.truncated,
    withheld: null,
    omitted: null,
    hash: undefined,
    ...known,
  };
}

interface Made {
  readonly text: string;
  readonly bytes: Buffer | null;
}

/** Null when nothing of it is kept. */
function redactContent(content: Exclude<Content, { kind: "empty" | "unreadable" }>, redaction: BodyRedaction): Made | null {
  const { plan, patterns, removals, place } = redaction;
  const keep = typeof plan.keep === "object" ? plan.keep : null;
  switch (content.kind) {
    case "json": {
      const text = redactJson(content.document, { redact: plan.redact, state: plan.redact?.start ?? 0, patterns, removals, place });
      if (keep === null) return { text, bytes: null };
      const document = scanJson(text);
      const kept = typeof document === "string" ? null : keepJson(document, keep, keep.start);
      return kept === null ? null : { text: kept, bytes: null };
    }
    case "form": {
      const text = redactForm(content.text, redaction);
      return text === null ? null : { text, bytes: null };
    }
    case "multipart": {
      const bytes = redactMultipart(content.bytes, content.boundary, content.parts, { plan, patterns, removals, place });
      if (bytes === null) return null;
      return isUtf8(bytes) ? { text: bytes.toString("utf8"), bytes: null } : { text: "", bytes };
    }
    case "text": {
      if (keep !== null) return null;
      const whole = content.truncated && patterns.length > 0 ? withoutCutWord(content.text) : content.text;
      return { text: redactPatterns(whole, patterns, removals, place), bytes: null };
    }
    case "binary":
      return keep === null ? { text: "", bytes: content.bytes } : null;
  }
}

function redactForm(text: string, redaction: BodyRedaction): string | null {
  const { plan, patterns, removals, place } = redaction;
  const { redact, keep } = plan;
  const redacted = redactParameters(
    text,
    {
      named: redact === null ? null : (name) => redact.accepts(redact.member(redact.start, name)),
      patterns,
      removals,
      place: `${place}/`,
      pathPlace: place,
      all: false,
    },
    () => {
      removals.secretInBody = true;
    },
  );
  if (typeof keep !== "object") return redacted;
  const kept = redacted.split("&").filter((piece) => {
    const equals = piece.indexOf("=");
    return keep.accepts(keep.member(keep.start, decodeParameter(equals < 0 ? piece : piece.slice(0, equals))));
  });
  return kept.length === 0 ? null : kept.join("&");
}
