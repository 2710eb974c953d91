/**
 * Named patterns: values told by their form, not by their name.
 *
 * Promise: linear in the length of the text. None of them is a backtracking expression, because the text comes from
 * outside.
 */

/** Finds the pattern; gives begin and end of each place, in order, or null when there is none. */
type Finder = (text: string) => readonly number[] | null;

export const PATTERN_NAMES = ["card-number", "email", "iban", "jwt"] as const;
export type PatternName = (typeof PATTERN_NAMES)[number];

export interface Pattern {
  readonly name: PatternName;
  readonly find: Finder;
}

/** The pattern of that name; undefined when there is none. */
export function patternNamed(name: string): Pattern | undefined {
  return PATTERNS.find((pattern) => pattern.name === name);
}

const DIGIT = (code: number): boolean => code >= 0x30 && code <= 0x39;
const LETTER = (code: number): boolean => (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;
const WORD = (code: number): boolean => DIGIT(code) || LETTER(code) || code > 0x7f;

/** 13 to 19 digits, alone or in groups, that begin as cards do and have the right check digit (Luhn). */
function findCards(text: string): readonly number[] | null {
  const found: number[] = [];
  // Begin and end of the digit groups of one run, each a single blank or hyphen from the next.
  let groups: number[] = [];
  for (let at = 0; at < text.length;) {
    if (!DIGIT(text.charCodeAt(at))) {
      at++;
      continue;
    }
    let end = at + 1;
    while (DIGIT(text.charCodeAt(end))) end++;
    const joined = groups.length > 0 && at - (groups.at(-1) ?? 0) === 1 && isSeparator(text.charCodeAt(at - 1));
    if (!joined) {
      addCards(text, groups, found);
      groups = [];
    }
    // Letters at a group's side make it a part of something else, an id for example.
    if ((at > 0 && LETTER(text.charCodeAt(at - 1))) || LETTER(text.charCodeAt(end))) {
      addCards(text, groups, found);
      groups = [];
    } else {
      groups.push(at, end);
    }
    at = end;
  }
  addCards(text, groups, found);
  return found.length === 0 ? null : found;
}

function isSeparator(code: number): boolean {
  return code === 0x20 || code === 0x2d;
}

function addCards(text: string, groups: readonly number[], found: number[]): void {
  for (let first = 0; first < groups.length; first += 2) {
    const start = groups[first] ?? 0;
    let digits = 0;
    let best = -1;
    for (let last = first; last < groups.length && digits <= 19; last += 2) {
      digits += (groups[last + 1] ?? 0) - (groups[last] ?? 0);
      if (digits >= 13 && digits <= 19 && isCard(text.slice(start, groups[last + 1]))) best = last;
    }
    if (best < 0) continue;
    const end = groups[best + 1] ?? start;
    // A group before the card may make a check digit right by chance: what overlaps goes together.
    if (found.length > 0 && start < (found.at(-1) ?? 0)) found[found.length - 1] = Math.max(found.at(-1) ?? 0, end);
    else found.push(start, end);
  }
}

function isCard(text: string): boolean {
  const first = text.charCodeAt(0);
  if (first < 0x32 || first > 0x36) return false;
  let sum = 0;
  let twice = false;
  for (let at = text.length - 1; at >= 0; at--) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) continue;
    sum += twice ? (digit > 4 ? digit * 2 - 9 : digit * 2) : digit;
    twice = !twice;
  }
  return sum % 10 === 0;
}

const LOCAL_CHARS = 64;
const DOMAIN_CHARS = 255;

/** name@host.domain; letters of any alphabet. */
function findEmails(text: string): readonly number[] | null {
  let found: number[] | null = null;
  for (let sign = text.indexOf("@"); sign >= 0; sign = text.indexOf("@", sign + 1)) {
    let start = sign;
    while (start > 0 && sign - start < LOCAL_CHARS && isLocal(text.charCodeAt(start - 1))) start--;
    if (start === sign) continue;
    let end = sign + 1;
    let dot = 0;
    for (let at = sign + 1; at < text.length && at - sign <= DOMAIN_CHARS; at++) {
      const code = text.charCodeAt(at);
      if (WORD(code)) end = at + 1;
      else if (code !== 0x2d && code !== 0x2e) break;
      else if (code === 0x2e && dot === 0 && at > sign + 1) dot = at;
    }
    if (dot > 0 && dot < end) (found ??= []).push(start, end);
  }
  return found;
}

function isLocal(code: number): boolean {
  // . _ % + - ' and the rest of what RFC 5322 takes without quotes, less what is rather punctuation around it.
  return WORD(code) || code === 0x2e || code === 0x5f || code === 0x25 || code === 0x2b || code === 0x2d || code === 0x27 || code === 0x7e;
}

/** Three parts in base64url, the first of which begins as JSON does. */
function findTokens(text: string): readonly number[] | null {
  let found: number[] | null = null;
  for (let start = text.indexOf("eyJ"); start >= 0;) {
    const first = segmentEnd(text, start);
    let end = first;
    let segments = 1;
    while (text[end] === "." && segments < 5) {
      const next = segmentEnd(text, end + 1);
      // The third part is empty in unsigned tokens; a dot after it ends the sentence.
      if (next === end + 1 && segments !== 2) break;
      end = next;
      segments++;
    }
    const whole = segments >= 3 && first - start >= 8;
    if (whole) (found ??= []).push(start, end);
    start = text.indexOf("eyJ", Math.max(whole ? end : first, start + 3));
  }
  return found;
}

function segmentEnd(text: string, start: number): number {
  let end = start;
  for (let code = text.charCodeAt(end); DIGIT(code) || LETTER(code) || code === 0x2d || code === 0x5f; code = text.charCodeAt(end)) end++;
  return end;
}

/** Length by country, from the IBAN registry. */
const IBAN_LENGTHS =
  "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HR21HU28IE22IL23" +
  "IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24" +
  "SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30";
const ibanLengths = new Map(
  Array.from({ length: IBAN_LENGTHS.length / 4 }, (_, index) => [
    IBAN_LENGTHS.slice(index * 4, index * 4 + 2),
    Number(IBAN_LENGTHS.slice(index * 4 + 2, index * 4 + 4)),
  ]),
);

/** International bank account numbers with the right check digits, with or without blanks. */
function findIbans(text: string): readonly number[] | null {
  let found: number[] | null = null;
  for (let at = 2; at < text.length; at++) {
    // Two digits behind two letters at the begin of a word.
    if (
      !DIGIT(text.charCodeAt(at)) ||
      !LETTER(text.charCodeAt(at - 1)) ||
      !LETTER(text.charCodeAt(at - 2)) ||
      WORD(text.charCodeAt(at - 3))
    )
      continue;
    const end = ibanEnd(text, at - 2);
    if (end === 0) continue;
    (found ??= []).push(at - 2, end);
    at = end + 1;
  }
  return found;
}

function ibanEnd(text: string, start: number): number {
  const length = ibanLengths.get(text.slice(start, start + 2).toUpperCase());
  if (length === undefined) return 0;
  let compact = "";
  let at = start;
  for (; compact.length < length && at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (DIGIT(code) || LETTER(code)) compact += text[at];
    else if (code !== 0x20 || text.charCodeAt(at - 1) === 0x20) return 0;
  }
  if (compact.length < length || WORD(text.charCodeAt(at))) return 0;
  let rest = 0;
  for (const sign of (compact.slice(4) + compact.slice(0, 4)).toUpperCase()) {
    const number = Number.parseInt(sign, 36);
    rest = (number > 9 ? rest * 100 + number : rest * 10 + number) % 97;
  }
  return rest === 1 ? at : 0;
}

const PATTERNS: readonly Pattern[] = [
  { name: "card-number", find: findCards },
  { name: "email", find: findEmails },
  { name: "iban", find: findIbans },
  { name: "jwt", find: findTokens },
];
