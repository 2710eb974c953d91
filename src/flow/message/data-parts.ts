/**
 * The redacted parts of an event, from which the `data` of its messages is put together. Made once per event and
 * redaction; streams with the same redaction share it.
 */
import type { ContentValues } from "../content/pointers.ts";
import type { IdentifiedEvent, Identity } from "../event.ts";
import { categoryOf } from "../../driver/agent-category.ts";
import type { RedactionPlan } from "./plan.ts";
import { redactBody, type OutBody } from "./redact-body.ts";
import { redactHeaders } from "./redact-headers.ts";
import { redactUrl } from "./redact-parameters.ts";
import { withoutPatterns } from "./redact-text.ts";
import { Removals } from "./removals.ts";
import { shownValue } from "./shown-value.ts";
import { isLoginRoute } from "./secret-names.ts";

/** How much of an event's heads a message holds: all, bounded lists, or the bare facts. */
export type Level = 0 | 1 | 2;

interface LevelLimits {
  /** Characters of a short text: a name, a version, an address. */
  readonly textCharsMax: number;
  /** Characters of path and query, each. */
  readonly targetCharsMax: number;
  /** Share of the data's bytes that the headers of one side may take. */
  readonly headersShare: number;
  readonly removalsMax: number;
}

const LEVELS: readonly LevelLimits[] = [
  { textCharsMax: 1024, targetCharsMax: Number.MAX_SAFE_INTEGER, headersShare: 1, removalsMax: Number.MAX_SAFE_INTEGER },
  { textCharsMax: 128, targetCharsMax: 512, headersShare: 1 / 8, removalsMax: 8 },
  { textCharsMax: 32, targetCharsMax: 128, headersShare: 0, removalsMax: 0 },
];

/** Lengths to which texts of a message's head are cut; the first also of a message that isn't short of room. */
export const HEAD_CHARACTERS_MAX: readonly number[] = [
  ...new Set(LEVELS.flatMap(({ textCharsMax, targetCharsMax }) => [textCharsMax, targetCharsMax])),
].filter((charsMax) => charsMax !== Number.MAX_SAFE_INTEGER);

export interface DataParts {
  /** The event's subject: the path without query, or the agent's topic. */
  readonly subject: string;
  readonly bodies: readonly OutBody[];
  readonly bodyName: "body" | "payload";
  /** JSON text before, between and behind the bodies. */
  frame(level: Level, dataBytesMax: number): readonly string[];
  /** Of an agent's event: the same in the form that consumers of the agents' own queue plugins read. */
  readonly acapy?: DataParts;
  /** True: a body that is here whole, as JSON, is told nothing of. */
  readonly leavesOutPlainMarks?: boolean;
}

export function makeParts(event: IdentifiedEvent, content: ContentValues, plan: RedactionPlan, key: Buffer): DataParts {
  return event.transaction === null ? new AgentParts(event, content, plan, key) : new TransactionParts(event, content, plan, key);
}

function cut(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : text.slice(0, charsMax);
}

function quote(text: string, charsMax: number): string {
  return JSON.stringify(cut(text, charsMax));
}

function removedJson(removals: Removals, listedMax: number): string {
  const listed = removals.entries.length <= listedMax ? removals.entries : removals.entries.slice(0, listedMax);
  const more = removals.more + removals.entries.length - listed.length;
  return `"redacted":[${listed.join()}]${more > 0 ? `,"redactedMore":${more}` : ""}`;
}

/** Tells a stream's query names from the rest, in any case; null when it names none. */
function queryNames(plan: RedactionPlan): ((name: string) => boolean) | null {
  return plan.query.size === 0 ? null : (name) => plan.query.has(name.toLowerCase());
}

/** A request target's path and query as they may leave. */
export function redactTarget(target: string, plan: RedactionPlan, removals: Removals): { readonly path: string; readonly query: string } {
  const clean = redactUrl(target, {
    named: queryNames(plan),
    patterns: plan.patterns,
    removals,
    place: "query.",
    pathPlace: "path",
    all: false,
  });
  const mark = clean.indexOf("?");
  return mark < 0 ? { path: clean, query: "" } : { path: clean.slice(0, mark), query: clean.slice(mark + 1) };
}

class TransactionParts implements DataParts {
  readonly subject: string;
  readonly bodies: readonly OutBody[];
  readonly bodyName = "body";
  private readonly event: IdentifiedEvent;
  private readonly query: string;
  private readonly requestHeaders: readonly string[];
  private readonly responseHeaders: readonly string[];
  private readonly removals: Removals;

  constructor(event: IdentifiedEvent, content: ContentValues, plan: RedactionPlan, key: Buffer) {
    this.event = event;
    const transaction = event.transaction;
    if (transaction === null) throw new TypeError("not a transaction");
    this.removals = new Removals(key);
    const { path, query } = redactTarget(transaction.target, plan, this.removals);
    this.subject = path;
    this.query = query;
    const mark = transaction.target.indexOf("?");
    const never = isLoginRoute(mark < 0 ? transaction.target : transaction.target.slice(0, mark)) ? "login-route" : null;
    const side = (request: boolean): { readonly body: OutBody; readonly headers: readonly string[] } => {
      const place = request ? "request.body" : "response.body";
      const ofBody = new Removals(key);
      const captured = request ? transaction.requestBody : transaction.responseBody;
      const body = redactBody(content.content(place), captured, {
        plan: plan.parts[place],
        patterns: plan.patterns,
        removals: ofBody,
        place,
        never,
      });
      const headers = redactHeaders(request ? transaction.requestHeaders : transaction.responseHeaders, {
        named: request ? plan.requestHeaders : plan.responseHeaders,
        query: queryNames(plan),
        patterns: plan.patterns,
        removals: this.removals,
        place: request ? "header." : "response.",
        hideLength: ofBody.secretInBody,
        hideDigest: ofBody.secretInBody || ofBody.entries.length > 0 || body.withheld !== null || body.omitted !== null,
      });
      this.removals.addAll(ofBody);
      return { body, headers };
    };
    const request = side(true);
    const response = side(false);
    this.requestHeaders = request.headers;
    this.responseHeaders = response.headers;
    this.bodies = [request.body, response.body];
  }

  frame(level: Level, dataBytesMax: number): readonly string[] {
    const transaction = this.event.transaction;
    const limits = LEVELS[level];
    if (transaction === null || limits === undefined) throw new TypeError("not a transaction");
    const { textCharsMax, targetCharsMax } = limits;
    const headersBytesMax = Math.floor(dataBytesMax * limits.headersShare);
    const request =
      `{"request":{"method":${quote(transaction.method, textCharsMax)},"path":${quote(this.subject, targetCharsMax)},"query":${quote(this.query, targetCharsMax)}` +
      `,"httpVersion":${quote(transaction.httpVersion, textCharsMax)},"headers":${headersJson(this.requestHeaders, level, headersBytesMax)},"body":`;
    const response = `},"response":{"status":${number(transaction.status)},"headers":${headersJson(this.responseHeaders, level, headersBytesMax)},"body":`;
    const tail =
      `},"outcome":"${transaction.outcome}","durationMs":${number(transaction.durationMs)},"remoteAddress":${quote(transaction.remoteAddress, textCharsMax)}` +
      `${identityJson(this.event.identity, textCharsMax)},${removedJson(this.removals, limits.removalsMax)}${level > 0 ? ',"headTruncated":true' : ""}}`;
    return [request, response, tail];
  }
}

/** A number as JSON has it; whatever isn't one, is 0. */
function number(value: number): string {
  return Number.isFinite(value) ? String(value) : "0";
}

function headersJson(members: readonly string[], level: Level, bytesMax: number): string {
  if (level === 0) return `{${members.join()}}`;
  const kept: string[] = [];
  let left = bytesMax;
  for (const member of members) {
    const bytes = Buffer.byteLength(member) + 1;
    if (bytes > left) continue;
    left -= bytes;
    kept.push(member);
  }
  return `{${kept.join()}}`;
}

function identityJson(identity: Identity, charsMax: number): string {
  let module = "";
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined) module += `${module === "" ? "" : ","}"${name}":${quote(value, charsMax)}`;
  };
  add("name", identity.moduleName);
  add("id", identity.moduleId);
  add("version", identity.moduleVersion);
  add("interface", identity.interface);
  add("interfaceVersion", identity.interfaceVersion);
  add("permission", identity.permission);
  let json = module === "" ? "" : `,"module":{${module}}`;
  if (identity.route !== undefined) json += `,"route":${quote(identity.route, charsMax)}`;
  if (identity.userId !== undefined) json += `,"userId":${quote(identity.userId, charsMax)}`;
  return json;
}

/** Topics whose payload is a message in the clear, on its way to somebody else. */
const PLAINTEXT_TOPIC = "outbound-message";

class AgentParts implements DataParts {
  readonly subject: string;
  readonly bodies: readonly OutBody[];
  readonly bodyName = "payload";
  private readonly event: IdentifiedEvent;
  private readonly state: string | null;
  private readonly recordId: string | null;
  private readonly label: string | null;
  private readonly removals: Removals;

  constructor(event: IdentifiedEvent, content: ContentValues, plan: RedactionPlan, key: Buffer) {
    this.event = event;
    const agent = event.agent;
    if (agent === null) throw new TypeError("not an agent's event");
    this.removals = new Removals(key);
    this.subject = withoutPatterns(agent.topic, plan.patterns);
    const part = plan.parts.payload;
    const never = agent.topic.includes(PLAINTEXT_TOPIC) ? "plaintext" : null;
    const body = redactBody(content.content("payload"), agent.payload, {
      plan: part,
      patterns: plan.patterns,
      removals: this.removals,
      place: "payload",
      never,
    });
    this.bodies = [body];
    // State and id stand beside the payload only where the payload itself would show them.
    const state = body.encoding === "json" ? shownValue("payload", "state", content, plan) : undefined;
    this.state = state === undefined ? null : withoutPatterns(state, plan.patterns);
    const isWhole = body.encoding === "json" && part.keep === "all" && part.redact === null && plan.patterns.length === 0;
    this.recordId = (isWhole ? agent.recordId : null) ?? null;
    this.label = agent.label === undefined ? null : withoutPatterns(agent.label, plan.patterns);
  }

  get acapy(): DataParts {
    const { subject, bodies, bodyName } = this;
    return { subject, bodies, bodyName, leavesOutPlainMarks: true, frame: (level) => this.acapyFrame(level) };
  }

  private acapyFrame(level: Level): readonly string[] {
    const { textCharsMax } = LEVELS[level] as LevelLimits;
    const wallet = this.event.agent?.wallet ?? BASE_WALLET;
    const state = this.state === null ? "null" : quote(this.state, textCharsMax);
    const category = quote(categoryOf(this.subject), textCharsMax);
    const topic = quote(this.subject, textCharsMax);
    return [`{"wallet_id":${quote(wallet, textCharsMax)},"state":${state},"topic":${topic},"category":${category},"payload":`, "}"];
  }

  frame(level: Level): readonly string[] {
    const agent = this.event.agent;
    const limits = LEVELS[level];
    if (agent === null || limits === undefined) throw new TypeError("not an agent's event");
    const { textCharsMax } = limits;
    const wallet = agent.wallet === null ? "null" : quote(agent.wallet, textCharsMax);
    const optional = (name: string, text: string | null | undefined): string =>
      text === null || text === undefined ? "" : `,"${name}":${quote(text, textCharsMax)}`;
    const facts =
      optional("state", this.state) +
      optional("label", this.label) +
      optional("agent", agent.agent) +
      optional("recordId", this.recordId) +
      optional("qos", agent.qos);
    return [
      `{"topic":${quote(this.subject, textCharsMax)},"wallet":${wallet}${facts},"payload":`,
      `,${removedJson(this.removals, limits.removalsMax)}${level > 0 ? ',"headTruncated":true' : ""}}`,
    ];
  }
}

/** What the queue plugins call the wallet of an agent with one tenant, and the base wallet. */
const BASE_WALLET = "base";
