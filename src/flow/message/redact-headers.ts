/**
 * Redacts a list of headers and writes it as JSON members: `"name":["value", ...]`, names in lower case, in the order
 * in which each first came.
 */
import { detached } from "../detached.ts";
import type { Pattern } from "./patterns.ts";
import { redactUrl, type ParameterRedaction } from "./redact-parameters.ts";
import { redactPatterns } from "./redact-text.ts";
import { REMOVED, type Removals } from "./removals.ts";
import { isSecretName } from "./secret-names.ts";
import { hidesSecret } from "./secret-text.ts";

/** Removed from every message. Headers under secret names (`x-auth-token`) are removed besides. */
export const SECRET_HEADERS = [
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "x-okapi-token",
  "x-system-token",
  "x-api-key",
  "x-amzn-oidc-data",
] as const;
/** Headers that hold one URL: it is treated as the request's own is. Others are where they look like one. */
export const URL_HEADERS = [
  "location",
  "content-location",
  "referer",
  "refresh",
  "x-original-url",
  "x-original-uri",
  "x-rewrite-url",
  "x-forwarded-uri",
  "x-forwarded-path",
] as const;
/** Plain hashes of a body: with them a removed value could be guessed. Frameworks make entity tags of hash and length. */
export const DIGEST_HEADERS = [
  "content-md5",
  "digest",
  "content-digest",
  "repr-digest",
  "etag",
  "x-amz-content-sha256",
  "x-goog-hash",
] as const;
/** They tell how long the body is. */
export const LENGTH_HEADERS = [
  "content-length",
  "content-range",
  "x-content-length",
  "x-original-content-length",
  "x-amz-decoded-content-length",
] as const;

type Treatment = "keep" | "secret" | "url" | "links" | "length" | "digest";

interface HeaderName {
  readonly lower: string;
  /** `"name":` */
  readonly json: string;
  readonly treatment: Treatment;
}

/** Distinct spellings kept; a platform has some hundreds. */
const CACHE_MAX = 4096;
const cache = new Map<string, HeaderName>();

function headerName(name: string): HeaderName {
  const known = cache.get(name);
  if (known !== undefined) return known;
  const lower = name.toLowerCase();
  const made: HeaderName = { lower, json: `${JSON.stringify(lower)}:`, treatment: treatmentOf(lower) };
  if (name.length <= 64) {
    if (cache.size >= CACHE_MAX) cache.clear();
    cache.set(detached(name), made);
  }
  return made;
}

function treatmentOf(lower: string): Treatment {
  const is = (list: readonly string[]): boolean => list.includes(lower);
  if (is(SECRET_HEADERS) || isSecretName(lower)) return "secret";
  if (is(URL_HEADERS)) return "url";
  if (lower === "link") return "links";
  if (is(LENGTH_HEADERS)) return "length";
  return is(DIGEST_HEADERS) ? "digest" : "keep";
}

export interface HeaderRedaction {
  /** Lower-case names that the stream removes. */
  readonly named: ReadonlySet<string>;
  /** Tells parameters that the stream removes from queries; those in URLs of headers are treated alike. */
  readonly query: ((name: string) => boolean) | null;
  readonly patterns: readonly Pattern[];
  readonly removals: Removals;
  /** `header.` or `response.`. */
  readonly place: string;
  /** The body's length would tell the length of a removed secret. */
  readonly hideLength: boolean;
  /** The body is not shown as it was. */
  readonly hideDigest: boolean;
}

/** @returns One JSON member per name. */
export function redactHeaders(headers: readonly string[], redaction: HeaderRedaction): readonly string[] {
  const places = new Map<string, number>();
  const members: string[] = [];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headerName(headers[index] ?? "");
    const value = JSON.stringify(redactHeader(name, headers[index + 1] ?? "", redaction));
    const before = places.get(name.lower);
    if (before === undefined) {
      places.set(name.lower, members.length);
      members.push(`${name.json}[${value}`);
    } else {
      members[before] += `,${value}`;
    }
  }
  for (let index = 0; index < members.length; index++) members[index] += "]";
  return members;
}

function redactHeader(name: HeaderName, value: string, redaction: HeaderRedaction): string {
  const { treatment, lower } = name;
  if (treatment === "secret" || (treatment === "length" && redaction.hideLength) || (treatment === "digest" && redaction.hideDigest)) {
    redaction.removals.secret(redaction.place + lower);
    return REMOVED;
  }
  if (redaction.named.has(lower)) {
    redaction.removals.value(redaction.place + lower, value, null);
    return REMOVED;
  }
  let kept = value;
  if (treatment === "url") kept = redactUrl(value, parametersIn(lower, redaction));
  else if (treatment === "links") kept = redactLinks(value, parametersIn(lower, redaction));
  else if (value.includes("?") || value.includes("//")) kept = redactUrl(value, parametersIn(lower, redaction));
  else if (hidesSecret(value)) {
    redaction.removals.secret(redaction.place + lower);
    return REMOVED;
  }
  return redaction.patterns.length === 0 ? kept : redactPatterns(kept, redaction.patterns, redaction.removals, redaction.place + lower);
}

function parametersIn(lower: string, redaction: HeaderRedaction): ParameterRedaction {
  const { query, patterns, removals, place } = redaction;
  return { named: query, patterns, removals, place: `${place}${lower}?`, pathPlace: place + lower, all: false };
}

/** `<url>; rel="next", <url>; ...` */
function redactLinks(value: string, redaction: ParameterRedaction): string {
  let out = "";
  let copied = 0;
  for (let open = value.indexOf("<"); open >= 0; open = value.indexOf("<", copied)) {
    const close = value.indexOf(">", open);
    const end = close < 0 ? value.length : close;
    out += value.slice(copied, open + 1) + redactUrl(value.slice(open + 1, end), redaction);
    copied = end;
  }
  return out + value.slice(copied);
}
