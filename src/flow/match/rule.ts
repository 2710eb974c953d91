/**
 * The shape of a rule: selection criteria, an action, targets. Plain data, so that it can be handed to another thread.
 */

/** Reserved words of the rule language. */
export const RESERVED_WORDS = [
  "SOURCE",
  "EVENTTYPE",
  "TENANT",
  "METHOD",
  "PATH",
  "ROUTE",
  "QUERY",
  "STATUS",
  "OUTCOME",
  "DURATION",
  "REQUESTSIZE",
  "RESPONSESIZE",
  "USERID",
  "REQUESTID",
  "MODULENAME",
  "MODULEID",
  "MODULEVERSION",
  "INTERFACE",
  "INTERFACEVERSION",
  "PERMISSION",
  "TOPIC",
  "CATEGORY",
  "STATE",
  "WALLET",
  "LABEL",
  "QOS",
] as const;
export type ReservedWord = (typeof RESERVED_WORDS)[number];

export type ContentPart = "request.body" | "response.body" | "payload";

/** What a term looks at. Header names are lower case; pointer steps are unescaped, `**` is any depth. */
export type Attribute =
  | { readonly kind: "word"; readonly word: ReservedWord }
  | { readonly kind: "header"; readonly name: string }
  | { readonly kind: "responseHeader"; readonly name: string }
  | { readonly kind: "content"; readonly part: ContentPart; readonly pointer: readonly string[] };

/** One value to compare with: equal, or (with `stem`) begins with. */
export interface Operand {
  readonly text: string;
  readonly stem: boolean;
}

export type Comparison = "<" | "<=" | ">" | ">=";

export type Criteria =
  | { readonly kind: "and" | "or"; readonly of: readonly Criteria[] }
  | { readonly kind: "not"; readonly of: Criteria }
  /** Holds when any value of the attribute equals, or begins with, any of the operands. */
  | { readonly kind: "in"; readonly attribute: Attribute; readonly operands: readonly Operand[] }
  | { readonly kind: "present"; readonly attribute: Attribute }
  | { readonly kind: "regex"; readonly attribute: Attribute; readonly pattern: string; readonly ignoreCase: boolean }
  | { readonly kind: "compare"; readonly attribute: Attribute; readonly comparison: Comparison; readonly number: number };

/** Literal text and places to fill in: `{tenant}` is `{ name: "tenant" }`. */
export type Template = readonly (string | { readonly name: string })[];

export interface Target {
  readonly destination: string;
  readonly topic: Template;
}

export type Action = "publish" | "ignore";

export interface Rule {
  readonly criteria: Criteria;
  readonly action: Action;
  /** Empty for `ignore`. */
  readonly targets: readonly Target[];
}

/**
 * How the criteria see an event. Three answers: values, absent (undefined), unknown (null). Headers are unknown only of
 * an event that was read back from a message, which they were removed from.
 */
export interface Attributes {
  /** Undefined when absent, null when it would have to be read from content that can't be. */
  word(word: ReservedWord): string | undefined | null;
  /** All values of a word, where the event was given several; absent: there is at most one. */
  words?(word: ReservedWord): readonly string[] | undefined | null;
  /** Values of a request header, lower-case name. */
  header(name: string): readonly string[] | undefined | null;
  responseHeader(name: string): readonly string[] | undefined | null;
  /** Values at a pointer; undefined when absent, null when the content was cut, withheld or over the cap. */
  content(part: ContentPart, pointer: readonly string[]): readonly string[] | undefined | null;
}
