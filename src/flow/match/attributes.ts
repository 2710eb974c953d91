/**
 * What rules see of an event. Nothing is worked out before a rule asks for it; header lists are indexed once.
 */
import { isUtf8 } from "node:buffer";
import { targetPath } from "../../driver/target-path.ts";
import type { IdentifiedEvent } from "../event.ts";
import { HEADER_NAMES_MAX } from "./bounds.ts";
import { categoryOf } from "../../driver/agent-category.ts";
import type { Attributes, ContentPart, ReservedWord } from "./rule.ts";

/** Looks into the bodies of one event. The stage that decodes content supplies it, and keeps what it found. */
export interface ContentReader {
  /**
   * Values at a pointer; several where `**` finds several.
   *
   * @param pointer - Unescaped steps; `**` is any depth; empty is the whole content.
   * @returns As text: strings with their escapes undone, the rest as it stands in the JSON. Undefined when there is
   * nothing or no JSON; null when the content was cut, withheld or is over the cap.
   */
  values(part: ContentPart, pointer: readonly string[]): readonly string[] | undefined | null;
}

/** Bytes above ASCII come as latin1. Where they are UTF-8, as nearly everywhere, rules see the text that was meant. */
export function asText(value: string): string {
  if (!/[\u0080-\u00ff]/.test(value) || /[\u0100-\uffff]/.test(value)) return value;
  const bytes = Buffer.from(value, "latin1");
  return isUtf8(bytes) ? bytes.toString("utf8") : value;
}

/** A header list, looked up by name without regard to case. */
class HeaderIndex {
  readonly #list: readonly string[];
  #index: Map<string, string[]> | null = null;
  /** More distinct names than the index takes: for the rest the list is read through. */
  #overflowed = false;

  constructor(list: readonly string[]) {
    this.#list = list;
  }

  values(name: string): readonly string[] | undefined {
    this.#index ??= this.#build();
    const found = this.#index.get(name);
    return found === undefined && this.#overflowed ? this.#search(name) : found;
  }

  #build(): Map<string, string[]> {
    const index = new Map<string, string[]>();
    for (let at = 0; at + 1 < this.#list.length; at += 2) {
      const name = (this.#list[at] ?? "").toLowerCase();
      const value = asText(this.#list[at + 1] ?? "");
      const values = index.get(name);
      if (values !== undefined) values.push(value);
      else if (index.size < HEADER_NAMES_MAX) index.set(name, [value]);
      else this.#overflowed = true;
    }
    return index;
  }

  #search(name: string): readonly string[] | undefined {
    const values: string[] = [];
    for (let at = 0; at + 1 < this.#list.length; at += 2) {
      if ((this.#list[at] ?? "").toLowerCase() === name) values.push(asText(this.#list[at + 1] ?? ""));
    }
    return values.length === 0 ? undefined : values;
  }
}

class EventAttributes implements Attributes {
  readonly #event: IdentifiedEvent;
  readonly #content: ContentReader;
  readonly #request: HeaderIndex;
  readonly #response: HeaderIndex;

  constructor(event: IdentifiedEvent, content: ContentReader) {
    this.#event = event;
    this.#content = content;
    this.#request = new HeaderIndex(event.transaction?.requestHeaders ?? []);
    this.#response = new HeaderIndex(event.transaction?.responseHeaders ?? []);
  }

  header(name: string): readonly string[] | undefined {
    return this.#request.values(name);
  }

  responseHeader(name: string): readonly string[] | undefined {
    return this.#response.values(name);
  }

  /** The first value of a request header, without an index of all. */
  #first(name: string): string | undefined {
    const list = this.#event.transaction?.requestHeaders ?? [];
    for (let at = 0; at + 1 < list.length; at += 2) {
      const other = list[at] as string;
      if (other.length === name.length && other.toLowerCase() === name) return asText(list[at + 1] as string);
    }
    return undefined;
  }

  content(part: ContentPart, pointer: readonly string[]): readonly string[] | undefined | null {
    return this.#content.values(part, pointer);
  }

  word(word: ReservedWord): string | undefined | null {
    const { transaction, agent, identity } = this.#event;
    switch (word) {
      case "SOURCE":
        return this.#event.source;
      case "EVENTTYPE":
        return this.#event.kind;
      case "TENANT":
        return identity.tenant;
      case "METHOD":
        return transaction?.method;
      case "PATH":
        return transaction === null || transaction === undefined ? undefined : targetPath(transaction.target);
      case "QUERY":
        return queryOf(transaction?.target);
      case "ROUTE":
        return identity.route;
      case "STATUS":
        // Zero: the client was never answered.
        return transaction === null || transaction.status === 0 ? undefined : String(transaction.status);
      case "OUTCOME":
        return transaction?.outcome;
      case "DURATION":
        return transaction === null ? undefined : String(Math.trunc(transaction.durationMs));
      case "REQUESTSIZE":
        return sizeText(transaction?.requestBody.sizeBytes ?? agent?.payload.sizeBytes);
      case "RESPONSESIZE":
        return sizeText(transaction?.responseBody.sizeBytes);
      case "USERID":
        return identity.userId ?? this.#first("x-okapi-user-id");
      case "REQUESTID":
        return this.#first("x-okapi-request-id") ?? this.#first("x-request-id");
      case "MODULENAME":
        return identity.moduleName;
      case "MODULEID":
        return identity.moduleId;
      case "MODULEVERSION":
        return identity.moduleVersion;
      case "INTERFACE":
        return identity.interface;
      case "INTERFACEVERSION":
        return identity.interfaceVersion;
      case "PERMISSION":
        return identity.permission;
      case "TOPIC":
        return agent?.topic;
      case "CATEGORY":
        return agent === null ? undefined : categoryOf(agent.topic);
      case "STATE":
        return agent === null ? undefined : firstOf(this.#content.values("payload", ["state"]));
      case "WALLET":
        return agent?.wallet ?? undefined;
      case "LABEL":
        return agent?.label;
      case "QOS":
        return agent?.qos;
    }
  }
}

function queryOf(target: string | undefined): string | undefined {
  const at = target?.indexOf("?") ?? -1;
  return at === -1 ? undefined : target?.slice(at + 1);
}

function sizeText(sizeBytes: number | undefined): string | undefined {
  return sizeBytes === undefined ? undefined : String(sizeBytes);
}

/** Null (unknown) stays null. */
function firstOf(values: readonly string[] | undefined | null): string | undefined | null {
  return values === null ? null : values?.[0];
}

/**
 * Makes an event visible to rules.
 *
 * @param content - Asked only when a rule has a term on content, or on STATE.
 */
export function attributesOf(event: IdentifiedEvent, content: ContentReader): Attributes {
  return new EventAttributes(event, content);
}
