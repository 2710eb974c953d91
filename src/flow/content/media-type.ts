/**
 * Tells what a body is: from its content type where that says, from its bytes where not.
 *
 * Promise: in doubt, a body counts as a kind that is looked into. Nothing that reads as JSON passes for plain text
 * because a header was wrong.
 */

export type MediaKind = "json" | "form" | "multipart" | "text" | "binary";

export interface MediaType {
  /** Null: the content type does not say. */
  readonly kind: MediaKind | null;
  /** Lower case; null when none is given. */
  readonly charset: string | null;
  /** Of a multipart body. */
  readonly boundary: string | null;
}

/** Distinct content types kept parsed; traffic has a few dozen. */
const CACHE_MAX = 512;
const cache = new Map<string, MediaType>();
const NONE: MediaType = { kind: null, charset: null, boundary: null };

/** Value of a header in a flat list, the first of several joined by commas; undefined when absent. */
export function headerOf(headers: readonly string[], lowerName: string): string | undefined {
  let value: string | undefined;
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] ?? "";
    if (name.length !== lowerName.length || name.toLowerCase() !== lowerName) continue;
    value = value === undefined ? (headers[index + 1] ?? "") : `${value},${headers[index + 1] ?? ""}`;
  }
  return value;
}

export function mediaTypeOf(headers: readonly string[]): MediaType {
  const value = headerOf(headers, "content-type");
  if (value === undefined) return NONE;
  let type = cache.get(value);
  if (type === undefined) {
    type = parseMediaType(value);
    if (cache.size >= CACHE_MAX) cache.clear();
    // Boundaries are made anew for each body; they would only push the others out.
    if (type.boundary === null && value.length <= 256) cache.set(value, type);
  }
  return type;
}

function parseMediaType(value: string): MediaType {
  const semicolon = value.indexOf(";");
  const essence = (semicolon < 0 ? value : value.slice(0, semicolon)).trim().toLowerCase();
  const parameters = semicolon < 0 ? "" : value.slice(semicolon);
  const kind = kindOf(essence);
  return {
    kind,
    charset: parameterOf(parameters, "charset")?.toLowerCase() ?? null,
    boundary: kind === "multipart" ? parameterOf(parameters, "boundary") : null,
  };
}

/** Value of a parameter, the first of several; `text` as for {@link parametersOf}. */
function parameterOf(text: string, lowerName: string): string | null {
  return parametersOf(text).find(([name]) => name === lowerName)?.[1] ?? null;
}

/**
 * Parameters of a header: `; name=value; name="value"`, names in lower case. What has no value is passed over.
 *
 * @param text - Begins at a semicolon.
 */
export function parametersOf(text: string): readonly (readonly [name: string, value: string])[] {
  const parameters: (readonly [string, string])[] = [];
  for (let start = text.indexOf(";"); start >= 0;) {
    let at = start + 1;
    while (at < text.length && text[at] !== "=" && text[at] !== ";") at++;
    const name = text
      .slice(start + 1, at)
      .trim()
      .toLowerCase();
    if (text[at] !== "=") {
      start = at < text.length ? at : -1;
      continue;
    }
    at++;
    while (text[at] === " ") at++;
    let value = "";
    if (text[at] === '"') {
      for (at++; at < text.length && text[at] !== '"'; at++) {
        if (text[at] === "\\" && at + 1 < text.length) at++;
        value += text[at];
      }
      start = text.indexOf(";", at);
    } else {
      const end = text.indexOf(";", at);
      value = (end < 0 ? text.slice(at) : text.slice(at, end)).trim();
      start = end;
    }
    parameters.push([name, value]);
  }
  return parameters;
}

function kindOf(essence: string): MediaKind | null {
  // Several content types at once say nothing.
  if (essence.includes(",")) return null;
  if (essence.includes("json")) return "json";
  if (essence === "application/x-www-form-urlencoded") return "form";
  if (essence.startsWith("multipart/")) return "multipart";
  if (essence === "text/plain") return null;
  if (essence.startsWith("text/") || essence.endsWith("+xml") || /^application\/(.*[.-])?(xml|yaml|javascript|graphql|sql)$/.test(essence))
    return "text";
  if (/^(image|audio|video|font|model)\//.test(essence) || /^application\/(pdf|zip|gzip|marc|wasm|zstd)$/.test(essence)) return "binary";
  return null;
}

/**
 * True when bytes read like the begin of JSON with names in it, whatever the encoding: `{"`, `[{`, `["`, `{}`.
 * Numbers in brackets, log lines such as `[12:01] ...` among them, hold no names.
 */
export function looksLikeJson(bytes: Buffer): boolean {
  let first = 0;
  for (let index = 0; index < bytes.length && index < 4096; index++) {
    const code = bytes[index] ?? 0;
    // NUL and FE, FF, EF, BB, BF are what UTF-16, UTF-32 and byte order marks add.
    if (code <= 0x20 || code === 0xfe || code === 0xff || code === 0xef || code === 0xbb || code === 0xbf) continue;
    if (first === 0) {
      if (code !== 0x7b && code !== 0x5b) return false;
      first = code;
    } else if (first === 0x7b) {
      return code === 0x22 || code === 0x7d;
    } else if (code !== 0x5b) {
      return code === 0x7b || code === 0x22;
    }
  }
  // Only white space, or only brackets: nothing that could hold a value was seen.
  return first !== 0 && bytes.length > 4096;
}

/** How a charset's bytes become text; null for those that are not understood. */
export function encodingOf(charset: string | null): "utf8" | "latin1" | null {
  switch (charset) {
    case null:
    case "":
    case "utf-8":
    case "utf8":
    case "us-ascii":
    case "ascii":
      return "utf8";
    case "iso-8859-1":
    case "iso_8859-1":
    case "latin1":
    case "l1":
      return "latin1";
    default:
      return null;
  }
}
