/**
 * Claims of the token that a request carries.
 *
 * Nothing is verified here: the upstream does that, and a request with a forged token is one that it refused. A rule
 * that must not act on such requests looks at STATUS.
 */
import { detached } from "../detached.ts";
import type { Transaction } from "../event.ts";
import { type Found, headerValues } from "./tenant-value.ts";

/** Larger tokens are not looked into; FOLIO's are about 1 KiB. */
const TOKEN_CHARACTERS_MAX = 16 * 1024;
const COOKIE = "folioAccessToken";

/** The request's token: X-Okapi-Token, else Authorization: Bearer, else the cookie. Unclear when two of them disagree. */
export function tokenOf(transaction: Transaction): Found {
  const tokens = [
    ...headerValues(transaction, "x-okapi-token").map((value) => value.trim()),
    ...headerValues(transaction, "authorization").flatMap((value) => /^bearer +(\S+)\s*$/i.exec(value)?.[1] ?? []),
  ];
  if (tokens.length === 0) tokens.push(...headerValues(transaction, "cookie").flatMap(cookieTokens));
  const [first] = tokens;
  if (first === undefined) return "absent";
  return tokens.every((token) => token === first) ? { value: first } : "unclear";
}

/** A claim that is text; undefined when the token is no JSON web token, or has no such claim. */
export function tokenClaim(token: string, claim: string): string | undefined {
  const claims = claimsOf(token);
  if (claims === null || !Object.hasOwn(claims, claim)) return undefined;
  const value = claims[claim];
  return typeof value === "string" ? value : undefined;
}

type Claims = Readonly<Record<string, unknown>>;

function claimsOf(token: string): Claims | null {
  // By its end, since the whole would have to be read to be looked up; that it is the same token is compared.
  const end = token.slice(-END_CHARACTERS);
  const known = recent.get(end);
  if (known?.token === token) return known.claims;
  const claims = readClaims(token);
  if (token.length <= RECENT_CHARACTERS_MAX) {
    if (recent.size >= RECENT_MAX) recent.clear();
    recent.set(detached(end), { token: detached(token), claims });
  }
  return claims;
}

/** Tokens seen last, since a session sends the same one with each request. */
const recent = new Map<string, { readonly token: string; readonly claims: Claims | null }>();
const RECENT_MAX = 256;
const RECENT_CHARACTERS_MAX = 4 * 1024;
const END_CHARACTERS = 32;

function readClaims(token: string): Claims | null {
  if (token.length > TOKEN_CHARACTERS_MAX) return null;
  const parts = token.split(".");
  if (parts.length !== 3) return null;
  try {
    const claims: unknown = JSON.parse(Buffer.from(parts[1] ?? "", "base64url").toString("utf8"));
    return typeof claims === "object" && claims !== null ? (claims as Claims) : null;
  } catch {
    return null;
  }
}

function cookieTokens(header: string): string[] {
  const tokens: string[] = [];
  for (const pair of header.split(";")) {
    const equals = pair.indexOf("=");
    if (equals > 0 && pair.slice(0, equals).trim() === COOKIE)
      tokens.push(
        pair
          .slice(equals + 1)
          .trim()
          .replace(/^"(.*)"$/, "$1"),
      );
  }
  return tokens;
}
