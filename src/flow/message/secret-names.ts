/**
 * Tells names of fields, parameters and headers that stand for passwords, keys and tokens.
 *
 * Promise: spelling does not matter. Case, hyphens, underscores, dots and brackets are ignored, so `newPassword`,
 * `NEW-PASSWORD`, `user[new_password]` and `wallet.key` are all told. docs/redaction.md lists the same names.
 */
import { detached } from "../detached.ts";

/** A name that has one of these anywhere. */
export const SECRET_ANYWHERE = ["password", "passwd", "passphrase", "passcode"] as const;

/** A name that ends in one of these. */
export const SECRET_ENDINGS = [
  "pwd",
  "secret",
  "secrets",
  "token",
  "tokens",
  "apikey",
  "apikeys",
  "privatekey",
  "privkey",
  "secretkey",
  "walletkey",
  "dbstorekey",
  "accesskey",
  "signingkey",
  "encryptionkey",
  "subscriptionkey",
  "functionskey",
  "authkey",
  "securitycode",
  "sessionid",
  "authorization",
  "assertion",
] as const;

/** What may stand behind one of the endings: `tokenValue`, `api_key_2`. */
export const SECRET_SUFFIXES = ["value", "string", "hash", "pem"] as const;

/** A name, its last word, or a part of it between dots, brackets and the like, that is exactly one of these. */
export const SECRET_EXACT = [
  "pass",
  "pw",
  "pin",
  "otp",
  "totp",
  "csrf",
  "xsrf",
  "cvv",
  "cvv2",
  "cvc",
  "seed",
  "mnemonic",
  "jwt",
  "bearer",
  "cookie",
  "cookie2",
  "setcookie",
  "setcookie2",
  "samlresponse",
  "samlrequest",
  "codeverifier",
  "phpsessid",
  "webhookurls",
  "walletwebhookurls",
  "xokapimoduletokens",
] as const;

/** Names that end in `token` and are places in a list, not secrets; one of {@link PLACE_PREFIXES} may stand before. */
export const NOT_SECRET = [
  "pagetoken",
  "continuationtoken",
  "resumptiontoken",
  "synctoken",
  "nexttoken",
  "changetoken",
  "cancellationtoken",
] as const;

export const PLACE_PREFIXES = ["x", "next", "previous", "prev", "start"] as const;

/** Distinct names kept; an API platform has some thousands. */
const CACHE_NAMES_MAX = 8192;
/** Longer names are looked at each time. */
const CACHE_NAME_CHARS_MAX = 64;

const exact: ReadonlySet<string> = new Set(SECRET_EXACT);
const cache = new Map<string, boolean>();

/** True when a value under this name must not leave. */
export function isSecretName(name: string): boolean {
  const known = cache.get(name);
  if (known !== undefined) return known;
  const secret = judge(name);
  if (name.length <= CACHE_NAME_CHARS_MAX) {
    if (cache.size >= CACHE_NAMES_MAX) cache.clear();
    cache.set(detached(name), secret);
  }
  return secret;
}

function judge(name: string): boolean {
  const lower = name.toLowerCase();
  if (exact.has(lastWord(name))) return true;
  if (!SIGNS.test(lower)) return isSecretWord(lower);
  if (isSecretWord(lower.replace(/[^a-z0-9]/g, ""))) return true;
  const parts = lower.split(/[^a-z0-9_-]+/);
  return parts.length > 1 && parts.some((part) => isSecretWord(part.replace(/[_-]/g, "")));
}

/** `pin` of `patronPin`, `user_pin` and `userPIN`; empty where nothing divides the name. */
function lastWord(name: string): string {
  let end = name.length;
  while (end > 0 && !isSmall(name.charCodeAt(end - 1)) && !isCapital(name.charCodeAt(end - 1))) end--;
  let start = end;
  while (start > 0 && isSmall(name.charCodeAt(start - 1))) start--;
  if (start < end) start -= start > 0 && isCapital(name.charCodeAt(start - 1)) ? 1 : 0;
  else while (start > 0 && isCapital(name.charCodeAt(start - 1))) start--;
  return start === 0 ? "" : name.slice(start, end).toLowerCase();
}

function isSmall(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39);
}

function isCapital(code: number): boolean {
  return code >= 0x41 && code <= 0x5a;
}

const SIGNS = /[^a-z0-9]/;
// One expression each: a body may have half a million names.
const secretWord = new RegExp(`${SECRET_ANYWHERE.join("|")}|(?:${SECRET_ENDINGS.join("|")})(?:${SECRET_SUFFIXES.join("|")}|[0-9]{1,3})?$`);
const notSecretWord = new RegExp(`^(?:${PLACE_PREFIXES.join("|")})?(?:${NOT_SECRET.join("|")})$`);

function isSecretWord(word: string): boolean {
  if (exact.has(word)) return true;
  return secretWord.test(word) && !notSecretWord.test(word);
}

/** Segments of a path that make it a login route wherever they stand. */
export const LOGIN_SEGMENTS = [
  "login",
  "login-with-expiry",
  "signin",
  "sign-in",
  "authn",
  "saml",
  "saml2",
  "oauth",
  "oauth2",
  "openid-connect",
  "password-reset",
  "reset-password",
  "change-password",
  "patron-pin",
] as const;
/** Segments that make it one at the end of the path. */
export const LOGIN_LAST_SEGMENTS = ["token", "tokens", "password"] as const;

/** What follows a semicolon in a segment isn't part of its name, and segments that are empty but for that don't count as the last. */
const loginRoute = new RegExp(
  `(?:^|/)(?:(?:${LOGIN_SEGMENTS.join("|")})(?:[;/]|$)|(?:${LOGIN_LAST_SEGMENTS.join("|")})(?:;[^/]*)?(?:/(?:;[^/]*)?)*$)`,
);

/**
 * True for paths whose bodies are left out whole: logins, token endpoints, single sign-on.
 *
 * @param path - Without the query, percent-encoding not undone.
 */
export function isLoginRoute(path: string): boolean {
  return loginRoute.test(lenientDecode(path).toLowerCase());
}

/** Undoes percent-encoding where it is valid, and leaves the rest. */
export function lenientDecode(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replace(/%([0-9A-Fa-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
  }
}
