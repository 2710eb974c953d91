/**
 * Claims of the token that a request carries.
 *
 * Nothing is verified here: the upstream does that, and a request with a forged token is one that it refused. A rule
 * that must not act on such requests looks at STATUS.
 */
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
  if (token.length > TOKEN_CHARACTERS_MAX) return undefined;
  const parts = token.split(".");
  if (parts.length !== 3) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(parts[1] ?? "", "base64url").toString("utf8"));
    if (typeof claims !== "object" || claims === null || !Object.hasOwn(claims, claim)) return undefined;
    const value = (claims as Record<string, unknown>)[claim];
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
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
