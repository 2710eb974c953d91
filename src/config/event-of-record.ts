/** The event that a record of attributes stands for: what the record leaves open is as in the plainest event of its kind. */
import { OUTCOMES, QOS } from "../driver/source.ts";
import type { AgentEvent, CapturedBody, IdentifiedEvent, Identity, Transaction } from "../flow/event.ts";
import { splitModuleId } from "../flow/identify/module-id.ts";
import { knownIdentity } from "../flow/identify/known-identity.ts";
import type { ContentPart, ReservedWord } from "../flow/match/rule.ts";

export interface EventParts {
  readonly words: ReadonlyMap<ReservedWord, string>;
  /** Flat lists, as on the wire. */
  readonly headers: readonly string[];
  readonly responseHeaders: readonly string[];
  /** Null: it can't be known. */
  readonly bodies: ReadonlyMap<ContentPart, string | null>;
  /** Bodies that were written as data, and so are JSON. */
  readonly json: ReadonlySet<ContentPart>;
}

/** What a plain transaction has. */
const DEFAULTS = { SOURCE: "test", METHOD: "GET", PATH: "/", STATUS: "200", OUTCOME: "complete", DURATION: "0" } as const;
const AGENT_WORDS: readonly ReservedWord[] = ["TOPIC", "CATEGORY", "STATE", "WALLET", "LABEL", "QOS"];
const DEFAULT_TOPIC = "event";
/** So that a message is the same each time. */
const TIME_MS = Date.UTC(2026, 0, 1);
const JSON_TYPE = ["content-type", "application/json"] as const;

/** Values that make no sense are left to whoever compares the event with the record. */
export function eventOf(parts: EventParts): IdentifiedEvent {
  const { words, bodies } = parts;
  const isAgent = words.has("EVENTTYPE")
    ? words.get("EVENTTYPE") === "agent"
    : bodies.has("payload") || AGENT_WORDS.some((word) => words.has(word));
  return {
    id: "test-event",
    kind: isAgent ? "agent" : "transaction",
    source: words.get("SOURCE") ?? DEFAULTS.SOURCE,
    sourcePosition: 0,
    timeMs: TIME_MS,
    transaction: isAgent ? null : transactionOf(parts),
    agent: isAgent ? agentOf(parts) : null,
    identity: identityOf(words),
  };
}

function transactionOf(parts: EventParts): Transaction {
  const { words } = parts;
  const word = (name: keyof typeof DEFAULTS): string => words.get(name) ?? DEFAULTS[name];
  const query = words.get("QUERY");
  const requestId = words.get("REQUESTID");
  const isIdGiven = parts.headers.some((name, index) => index % 2 === 0 && /^x-(?:okapi-)?request-id$/.test(name));
  const headers = requestId === undefined || isIdGiven ? parts.headers : [...parts.headers, "x-okapi-request-id", requestId];
  return {
    method: word("METHOD"),
    target: query === undefined ? word("PATH") : `${word("PATH")}?${query}`,
    httpVersion: "1.1",
    requestHeaders: withType(headers, "request.body", parts),
    requestBody: bodyOf("request.body", words.get("REQUESTSIZE"), parts),
    status: numberOf(word("STATUS")),
    responseHeaders: withType(parts.responseHeaders, "response.body", parts),
    responseBody: bodyOf("response.body", words.get("RESPONSESIZE"), parts),
    outcome: OUTCOMES.find((each) => each === word("OUTCOME")) ?? "complete",
    durationMs: numberOf(word("DURATION")),
    remoteAddress: "192.0.2.1",
  };
}

function agentOf(parts: EventParts): AgentEvent {
  const { words, bodies } = parts;
  const state = words.get("STATE");
  const label = words.get("LABEL");
  const qos = QOS.find((each) => each === words.get("QOS"));
  const isAlone = state !== undefined && !bodies.has("payload");
  const payload = isAlone ? new Map([...bodies, ["payload", JSON.stringify({ state })]] as const) : bodies;
  return {
    topic: words.get("TOPIC") ?? words.get("CATEGORY") ?? DEFAULT_TOPIC,
    wallet: words.get("WALLET") ?? null,
    payload: bodyOf("payload", words.get("REQUESTSIZE"), { ...parts, bodies: payload }),
    ...(label === undefined ? {} : { label }),
    ...(qos === undefined ? {} : { qos }),
  };
}

/** JSON comes under its name, and so does what can't be known, unless the record has another. */
function withType(headers: readonly string[], part: ContentPart, { bodies, json }: EventParts): readonly string[] {
  const isTyped = headers.some((name, index) => index % 2 === 0 && name === "content-type");
  return isTyped || !(json.has(part) || bodies.get(part) === null) ? headers : [...headers, ...JSON_TYPE];
}

/** A body of which only the size is given is one that can't be known. */
function bodyOf(part: ContentPart, size: string | undefined, { bodies }: EventParts): CapturedBody {
  const text = bodies.get(part);
  const bytes = Buffer.from(text ?? "");
  const sizeBytes = size === undefined ? bytes.length : numberOf(size);
  return { bytes, sizeBytes, truncated: text === null || sizeBytes > bytes.length };
}

function identityOf(words: EventParts["words"]): Identity {
  const moduleId = words.get("MODULEID");
  const split = moduleId === undefined ? undefined : splitModuleId(moduleId);
  return knownIdentity(words.get("TENANT") ?? "", words.get("PATH") ?? DEFAULTS.PATH, {
    moduleName: words.get("MODULENAME") ?? split?.name,
    moduleId,
    moduleVersion: words.get("MODULEVERSION") ?? split?.version ?? undefined,
    interface: words.get("INTERFACE"),
    interfaceVersion: words.get("INTERFACEVERSION"),
    route: words.get("ROUTE"),
    permission: words.get("PERMISSION"),
    userId: words.get("USERID"),
  });
}

/** What isn't a number shows as another one than was written, and is told so. */
function numberOf(text: string): number {
  const value = Number(text);
  return Number.isFinite(value) ? value : 0;
}
