/**
 * The content of one event, read when it is first asked for and at most once.
 *
 * Rules ask it for values, the message stage for whole bodies; both see the same reading.
 */
import type { Event } from "../event.ts";
import { readContent, type Content, type ContentLimits } from "./content.ts";
import { valuesAt } from "./json-pointer.ts";
import type { JsonDocument } from "./json-scan.ts";

export type ContentPart = "request.body" | "response.body" | "payload";

/** Rules don't look into bodies beyond this; the answer is "unknown", not "absent". */
export const VALUES_BYTES_MAX = 1024 * 1024;

const EMPTY: Content = { kind: "empty", coding: null };
const JSON_HEADERS = ["content-type", "application/json"];

export class ContentValues {
  private readonly event: Event;
  private readonly limits: ContentLimits;
  private request: Content | null = null;
  private response: Content | null = null;
  private payload: Content | null = null;

  constructor(event: Event, limits: ContentLimits) {
    this.event = event;
    this.limits = limits;
  }

  /**
   * Values at a pointer of a JSON body, strings without their escapes, numbers as they were written, objects and
   * arrays as their text.
   *
   * @param pointer - Unescaped steps; `**` is any depth, an array's elements are named by their index.
   * @returns Undefined when there is none or the body isn't JSON; null when it can't be known: the body was cut, can't
   * be decoded or read, or is over 1 MiB.
   */
  values(part: ContentPart, pointer: readonly string[]): readonly string[] | undefined | null {
    const document = this.document(part);
    return document instanceof Object ? valuesAt(document, pointer) : document;
  }

  /** A part as JSON; undefined when there is none or it isn't JSON, null when that can't be known: cut, over a bound, undecodable. */
  document(part: ContentPart): JsonDocument | undefined | null {
    const { transaction, agent } = this.event;
    const body = part === "payload" ? agent?.payload : part === "request.body" ? transaction?.requestBody : transaction?.responseBody;
    if (body === undefined) return undefined;
    // Over the cap it is not read for a rule, unless a message needs it anyway.
    if (body.bytes.length > VALUES_BYTES_MAX) return null;
    const content = this.content(part);
    // What isn't JSON has no pointers, whatever it calls itself; what was not seen in full may have any.
    if (content.kind === "unreadable") return content.reason === "malformed" ? undefined : null;
    if (content.kind !== "json") return undefined;
    return content.document.text.length > VALUES_BYTES_MAX ? null : content.document;
  }

  /** The whole body of a part; empty where the event has no such part. */
  content(part: ContentPart): Content {
    switch (part) {
      case "request.body":
        return (this.request ??= this.transactionContent(true));
      case "response.body":
        return (this.response ??= this.transactionContent(false));
      case "payload":
        return (this.payload ??= this.event.agent === null ? EMPTY : readContent(this.event.agent.payload, JSON_HEADERS, this.limits));
    }
  }

  private transactionContent(request: boolean): Content {
    const { transaction } = this.event;
    if (transaction === null) return EMPTY;
    if (request) return readContent(transaction.requestBody, transaction.requestHeaders, this.limits);
    return readContent(transaction.responseBody, transaction.responseHeaders, this.limits);
  }
}
