/**
 * How rules see an event that was read back from a message.
 *
 * Promise: an attribute is told only where the message surely tells it. One that was removed, cut, or may have been left
 * out is unknown, so that no term on it is true or false.
 */
import { ContentValues } from "../content/pointers.ts";
import type { IdentifiedEvent, Identity } from "../event.ts";
import { attributesOf } from "../match/attributes.ts";
import { valuesOf } from "../match/evaluate.ts";
import type { Attribute, Attributes, ContentPart, ReservedWord } from "../match/rule.ts";
import { HEAD_CHARACTERS_MAX } from "./data-parts.ts";
import { ATTRIBUTE_CHARS_MAX } from "./attribute-text.ts";
import { REMOVED } from "./removals.ts";

/** Why the message has not the whole body: `cut`, or the word under `Withheld` or `Omitted`. */
export interface BodyGap {
  readonly left: string;
}

type Headers = Readonly<Record<string, readonly string[]>>;

/** What a message doesn't tell. */
export interface MessageGaps {
  readonly headTruncated: boolean;
  /** As the message has them: names in lower case. */
  readonly requestHeaders: Headers;
  readonly responseHeaders: Headers;
  /** The stream leaves whole bodies, but for what is marked. */
  readonly isWhole: boolean;
  readonly bodies: Readonly<Record<ContentPart, BodyGap | null>>;
  readonly isRequestSizeKnown: boolean;
  readonly isResponseSizeKnown: boolean;
}

const ANY_DEPTH = "**";
/** A member's name that a pattern removed something from. */
const REMOVED_NAME = /\[redacted\](?:[^"\\]|\\.)*":/;
const REMOVED_TEXT = "it was removed from the message";
const HEAD_TEXT = "the message was cut to stay within its limit";

export class MessageAttributes implements Attributes {
  readonly #plain: Attributes;
  readonly #identity: Identity;
  readonly #content: ContentValues;
  readonly #gaps: MessageGaps;

  constructor(event: IdentifiedEvent, content: ContentValues, gaps: MessageGaps) {
    this.#plain = attributesOf(event, content);
    this.#identity = event.identity;
    this.#content = content;
    this.#gaps = gaps;
  }

  word(word: ReservedWord): string | undefined | null {
    switch (word) {
      case "REQUESTSIZE":
        return this.#gaps.isRequestSizeKnown ? this.#plain.word(word) : null;
      case "RESPONSESIZE":
        return this.#gaps.isResponseSizeKnown ? this.#plain.word(word) : null;
      case "STATE":
        return firstOf(this.content("payload", ["state"]));
      case "USERID":
        return this.#identity.userId === undefined ? this.#firstOf(["x-okapi-user-id"]) : this.#sure(this.#identity.userId);
      case "REQUESTID":
        return this.#firstOf(["x-okapi-request-id", "x-request-id"]);
      default:
        return this.#sure(this.#plain.word(word));
    }
  }

  header(name: string): readonly string[] | undefined | null {
    return this.#header(this.#gaps.requestHeaders, name, (lower) => this.#plain.header(lower));
  }

  responseHeader(name: string): readonly string[] | undefined | null {
    return this.#header(this.#gaps.responseHeaders, name, (lower) => this.#plain.responseHeader(lower));
  }

  content(part: ContentPart, pointer: readonly string[]): readonly string[] | undefined | null {
    if (this.#gaps.bodies[part] !== null) return null;
    const values = this.#content.values(part, pointer);
    const content = this.#content.content(part);
    if (values === null || content.kind !== "json") return values;
    // What `keep` left out of an array changes the places of the rest.
    if (!this.#gaps.isWhole) return null;
    if (!content.document.text.includes(REMOVED)) return values;
    if (pointer.includes(ANY_DEPTH) || values?.some((value) => value.includes(REMOVED)) === true) return null;
    if (values === undefined && REMOVED_NAME.test(content.document.text)) return null;
    const isBelowRemoved = pointer.some((_, end) => isRemoved(this.#content.values(part, pointer.slice(0, end))));
    return isBelowRemoved ? null : values;
  }

  /** False: of some pointers into a part it may not be known what was there. */
  tellsAll(part: ContentPart): boolean {
    if (this.#gaps.bodies[part] !== null) return false;
    const document = this.#content.document(part);
    if (!(document instanceof Object)) return document === undefined;
    return this.#gaps.isWhole && !document.text.includes(REMOVED);
  }

  /** Why nothing is known of an attribute; null where it is known. */
  whyUnknown(attribute: Attribute): string | null {
    if (valuesOf(attribute, this) !== null) return null;
    if (attribute.kind === "content") return this.#whyOfContent(attribute.part);
    if (attribute.kind === "word" && attribute.word === "STATE") return this.#whyOfContent("payload");
    const isNamed = attribute.kind !== "word" && Object.hasOwn(this.#headersOf(attribute.kind), attribute.name);
    return this.#gaps.headTruncated && !isNamed ? HEAD_TEXT : REMOVED_TEXT;
  }

  #headersOf(kind: "header" | "responseHeader"): Headers {
    return kind === "header" ? this.#gaps.requestHeaders : this.#gaps.responseHeaders;
  }

  #whyOfContent(part: ContentPart): string {
    const { bodies, isWhole } = this.#gaps;
    const left = bodies[part]?.left;
    if (left !== undefined) return left === "cut" ? "the message has only the begin of it" : `the message leaves it out (${left})`;
    const content = this.#content.content(part);
    if (content.kind === "unreadable") return `it can't be read (${content.reason})`;
    return isWhole ? REMOVED_TEXT : "what the stream's `keep` left out of the message can't be told";
  }

  #header(
    headers: Headers,
    name: string,
    asRulesSee: (name: string) => readonly string[] | undefined | null,
  ): readonly string[] | undefined | null {
    const values = Object.hasOwn(headers, name) ? headers[name] : undefined;
    if (values === undefined) return this.#gaps.headTruncated ? null : undefined;
    // A header that named a coding which was undone is none of the event's any more, but rules saw it.
    return values.some((value) => value.includes(REMOVED)) ? null : (asRulesSee(name) ?? values);
  }

  /** The first header that is there; one that can't be told leaves it open. */
  #firstOf(names: readonly string[]): string | undefined | null {
    for (const name of names) {
      const values = this.header(name);
      if (values !== undefined) return firstOf(values);
    }
    return undefined;
  }

  /** Not where something was removed from it, or where it may have been cut. */
  #sure(value: string | undefined | null): string | undefined | null {
    if (typeof value !== "string") return value;
    const lengths = this.#gaps.headTruncated ? [...HEAD_CHARACTERS_MAX, ATTRIBUTE_CHARS_MAX] : [HEAD_CHARACTERS_MAX[0]];
    return value.includes(REMOVED) || lengths.includes(value.length) ? null : value;
  }
}

/** A scalar that something was removed from: what stood below it can't be told. */
function isRemoved(values: readonly string[] | undefined | null): boolean {
  return values?.some((value) => (value === REMOVED || !/^[[{]/.test(value)) && value.includes(REMOVED)) === true;
}

function firstOf(values: readonly string[] | undefined | null): string | undefined | null {
  return values === null ? null : values?.[0];
}
