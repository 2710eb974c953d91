/** What docs/messages.md and docs/redaction.md must name. */
import { PATTERN_NAMES } from "../patterns.ts";
import { DIGEST_HEADERS, LENGTH_HEADERS, SECRET_HEADERS, URL_HEADERS } from "../redact-headers.ts";
import {
  LOGIN_LAST_SEGMENTS,
  LOGIN_SEGMENTS,
  NOT_SECRET,
  PLACE_PREFIXES,
  SECRET_ANYWHERE,
  SECRET_ENDINGS,
  SECRET_EXACT,
  SECRET_SUFFIXES,
} from "../secret-names.ts";

export const SECRET_TEXTS: readonly string[] = [
  ...SECRET_HEADERS,
  ...URL_HEADERS,
  ...DIGEST_HEADERS,
  ...LENGTH_HEADERS,
  ...SECRET_ANYWHERE,
  ...SECRET_ENDINGS,
  ...SECRET_SUFFIXES,
  ...SECRET_EXACT,
  ...NOT_SECRET,
  ...PLACE_PREFIXES,
  ...LOGIN_SEGMENTS,
  ...LOGIN_LAST_SEGMENTS,
  ...PATTERN_NAMES,
];

export const BODY_MARKS: readonly string[] = [
  "login-route",
  "plaintext",
  "secret-in-text",
  "cut",
  "undecodable",
  "too-large",
  "too-deep",
  "malformed",
  "unknown-charset",
  "type",
  "not-kept",
  "redacted",
  "json",
  "text",
  "base64",
];
