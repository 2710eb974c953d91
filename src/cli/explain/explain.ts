/**
 * `sidestream explain`: what the rules make of an event, and why.
 *
 * Promise: what it shows of the event is what a message would show: nothing that redaction removes.
 */
import { SidestreamError } from "../../errors.ts";
import { isKeptEvent } from "../../flow/event-log/reading.ts";
import { DryRun, type DryMessage, type DryResult, type DrySettings } from "../../flow/dry-run.ts";
import type { IdentifiedEvent } from "../../flow/event.ts";
import { explainStream, type StreamExplanation } from "../../flow/explain.ts";
import type { ExplainedEvent } from "../../flow/match/explain.ts";
import type { Attribute, Attributes } from "../../flow/match/rule.ts";
import { didYouMean } from "../../flow/match/suggest.ts";
import { eventOfMessage } from "../../flow/message/read-back.ts";
import { shownAttributes } from "../../flow/message/shown.ts";
import type { StreamSettings } from "../../flow/settings.ts";
import type { GivenEvent } from "./event-file.ts";

/** Why rules don't act though they hold, by `STREAM rule NUMBER`: a destination that isn't there, say. */
export type DormantRules = ReadonlyMap<string, string>;

export interface ExplainScope {
  /** Null: each. */
  readonly stream: string | null;
  readonly rule: number | null;
}

export interface StreamAnswer extends StreamExplanation {
  readonly messages: readonly ExplainedMessage[];
}

export interface ExplainedMessage extends DryMessage {
  /** Why its rule doesn't act now; null: it does. */
  readonly dormant: string | null;
}

export interface Answer {
  readonly id: string;
  readonly kind: IdentifiedEvent["kind"];
  readonly tenant: string;
  readonly source: string;
  /** Method and path, or the topic, as far as they may be shown. */
  readonly subject: string;
  /** The stream whose message it was read from; empty: it was read from the event log; null: the event itself was given. */
  readonly readFrom: string | null;
  readonly streams: readonly StreamAnswer[];
}

/** @throws SidestreamError `SST_COMMAND_INVALID` for a message that is none of ours, a stream or a rule that there isn't. */
export function explain(given: GivenEvent, settings: DrySettings, scope: ExplainScope, dormant: DormantRules = new Map()): Answer {
  const scoped = { ...settings, streams: streamsIn(settings, scope) };
  const { event, view, readFrom, whyUnknown } = eventOf(given, settings);
  const result = new DryRun(scoped).run(event, view);
  const shownUnder = (redact: StreamSettings["redact"]): Attributes => shownAttributes(event, result.content, settings.limits, redact);
  return {
    id: event.id,
    kind: event.kind,
    tenant: event.identity.tenant,
    source: event.source,
    subject: subjectOf(shownUnder(result.streams.flatMap(({ stream }) => stream.redact))),
    readFrom,
    streams: result.streams.map((each) => {
      const explained: ExplainedEvent = {
        attributes: result.attributes,
        shown: shownUnder(each.stream.redact),
        whyUnknown: (attribute) => whyUnknown(attribute) ?? whyContent(attribute, result),
      };
      const { rules, ...rest } = explainStream(each, event.identity.tenant, explained);
      const isMeant = (rule: number): boolean => scope.rule === null || scope.rule === rule;
      return {
        ...rest,
        rules: rules.filter(({ rule }) => isMeant(rule)),
        messages: each.messages
          .filter(({ rule, outcome }) => isMeant(rule) && outcome !== "repeated")
          .map((message) => ({ ...message, dormant: dormant.get(`${message.stream} rule ${message.rule}`) ?? null })),
      };
    }),
  };
}

interface Seen {
  readonly event: IdentifiedEvent;
  /** Undefined: the event shows all there is. */
  readonly view: Attributes | undefined;
  readonly readFrom: string | null;
  readonly whyUnknown: (attribute: Attribute) => string | null;
}

function eventOf(given: GivenEvent, { limits, streams }: DrySettings): Seen {
  if (given.message === null) return { event: given.event, view: undefined, readFrom: null, whyUnknown: () => null };
  const keepsAll = (id: string, revision: string): boolean =>
    isKeptEvent(id) || streams.some((stream) => stream.id === id && stream.revision === revision && stream.keep === null);
  const read = eventOfMessage(given.message, { limits, keepsAll });
  if (typeof read === "string") throw new SidestreamError("SST_COMMAND_INVALID", `this is no message that can be explained: ${read}`);
  return { event: read.event, view: read.attributes, readFrom: read.stream, whyUnknown: read.whyUnknown };
}

function streamsIn({ streams }: DrySettings, { stream: id, rule }: ExplainScope): DrySettings["streams"] {
  const found = id === null ? streams : streams.filter((stream) => stream.id === id);
  const ids = streams.map((stream) => stream.id);
  if (found.length === 0) {
    const problem = id === null ? "there is no stream" : `there is no stream "${id.slice(0, 100)}"${didYouMean(id, ids)}`;
    throw new SidestreamError("SST_COMMAND_INVALID", problem);
  }
  if (rule !== null && !found.some(({ rules }) => rules.some(({ number }) => number === rule)))
    throw new SidestreamError("SST_COMMAND_INVALID", `no stream that is meant has a rule ${rule}`);
  return found;
}

/** Method and path, or the topic: what people know an event by. */
export function subjectOf(shown: Attributes): string {
  const topic = shown.word("TOPIC");
  if (typeof topic === "string") return topic;
  const [method, path] = [shown.word("METHOD"), shown.word("PATH")];
  return [method, path]
    .map((part) => part ?? "")
    .join(" ")
    .trim();
}

function whyContent(attribute: Attribute, { content }: DryResult): string | null {
  const isState = attribute.kind === "word" && attribute.word === "STATE";
  if (attribute.kind !== "content" && !isState) return null;
  const read = content.content(attribute.kind === "content" ? attribute.part : "payload");
  return read.kind === "unreadable" ? `it can't be read (${read.reason})` : "it is larger than rules look into";
}
