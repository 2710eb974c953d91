/**
 * Makes messages of events.
 *
 * Promise: what is alike for several streams is made once per event: bodies are decoded and read once, redacted once
 * for each distinct redaction, encoded once for each distinct redaction and body limit.
 */
import assert from "node:assert/strict";
import { SidestreamError } from "../../errors.ts";
import type { ContentValues } from "../content/pointers.ts";
import type { IdentifiedEvent } from "../event.ts";
import type { Attributes, Template } from "../match/rule.ts";
import { deliveryOf, type BodySettings, type RuleSettings, type StreamSettings } from "../settings.ts";
import { makeParts, type DataParts } from "./data-parts.ts";
import { HEADERS_BYTES_MAX, sourceOf } from "./attribute-text.ts";
import { binaryHeaders, eventHeaders, type EventHeaders } from "./binary-form.ts";
import {
  ATTRIBUTES_BYTES_MAX,
  encodeData,
  encodeEvent,
  encodeMessage,
  MESSAGE_BYTES_MIN,
  STRUCTURED_HEADERS,
  STRUCTURED_HEADERS_BYTES,
  traceparentOf,
  type EventHead,
  type MessageHead,
} from "./encode.ts";
import type { Evidence, Message } from "./message.ts";
import { compilePlan, type RedactionPlan } from "./plan.ts";
import {
  NO_HEADERS,
  renderHeaders,
  renderKey,
  renderTopic,
  type RenderedHeaders,
  type RenderedTopic,
  type TemplateContext,
} from "./templates.ts";

export const REDACTION_KEY_BYTES = 32;
/** Bytes that are kept for data under the least limit: what the barest heads of an event need. */
const DATA_BYTES_MIN = 6 * 1024;

export interface MessageMakerOptions {
  readonly instance: string;
  /** `{env}` in templates. */
  readonly env: string;
  readonly limits: {
    /** Largest encoded message, bytes; at least 16 KiB. */
    readonly messageBytesMax: number;
  };
  /** 32 bytes: the key of the hashes of removed values. */
  readonly redactionKey: Buffer;
}

/** What a stream makes of an event, apart from the evidence. Streams alike in it share one. */
interface Shape {
  readonly plan: RedactionPlan;
  readonly body: BodySettings;
  /** The data of agents' events is in the form of their own queue plugins. */
  readonly isAcapy: boolean;
}

/** What is to be left of an event, as a stream says it. */
export type ShapeSettings = Pick<StreamSettings, "redact" | "keep" | "body"> & Partial<Pick<StreamSettings, "format">>;

/** A message as its format writes it. */
interface Form extends Pick<Message, "headers" | "value"> {
  /** Bytes that the headers take at most. */
  readonly headersBytes: number;
}

/** The data of messages, and its bytes once a message in binary form needs them. */
class Data {
  readonly json: string;
  private bytes: Buffer | null = null;

  constructor(json: string) {
    this.json = json;
  }

  /** Shared by messages: nothing after this stage changes a message. */
  value(): Buffer {
    this.bytes ??= Buffer.from(this.json);
    return this.bytes;
  }
}

/** An event with the work that its messages share. */
export class Prepared {
  readonly event: IdentifiedEvent;
  readonly content: ContentValues;
  /** When the engine accepted it, milliseconds since 1970. */
  readonly acceptedMs: number;
  /** Undefined: not looked for yet. */
  traceparent: string | null | undefined = undefined;
  /** Null: no message in binary form was made yet. */
  headers: EventHeaders | null = null;
  readonly parts = new Map<RedactionPlan, DataParts>();
  readonly data = new Map<Shape, Data>();

  constructor(event: IdentifiedEvent, content: ContentValues, acceptedMs: number) {
    this.event = event;
    this.content = content;
    this.acceptedMs = acceptedMs;
  }
}

export class MessageMaker {
  private readonly options: MessageMakerOptions;
  private readonly plans = new Map<string, RedactionPlan>();
  private readonly shapes = new Map<string, Shape>();
  private readonly shapeBySettings = new WeakMap<ShapeSettings, Shape>();
  private readonly sources = new Map<string, string>();

  /** @throws SidestreamError `SST_CONFIG_INVALID` when `messageBytesMax` leaves no room for a message. */
  constructor(options: MessageMakerOptions) {
    if (options.limits.messageBytesMax < MESSAGE_BYTES_MIN) {
      throw new SidestreamError(
        "SST_CONFIG_INVALID",
        `limits.messageBytesMax: expected at least ${MESSAGE_BYTES_MIN} bytes, got ${options.limits.messageBytesMax}`,
      );
    }
    assert.equal(options.redactionKey.length, REDACTION_KEY_BYTES, "the redaction key has 32 bytes");
    this.options = options;
  }

  /** Takes an event on; nothing is read or made until a stream asks. */
  prepare(event: IdentifiedEvent, content: ContentValues, acceptedMs: number = Date.now()): Prepared {
    return new Prepared(event, content, acceptedMs);
  }

  /** Topic of a target for this event, or the reason why there is none. */
  topic(prepared: Prepared, stream: StreamSettings, template: Template, attributes: Pick<Attributes, "word">): RenderedTopic {
    return renderTopic(template, this.context(prepared, stream, attributes));
  }

  /** Key of the stream's messages for this event. */
  key(prepared: Prepared, stream: StreamSettings, attributes: Pick<Attributes, "word">): string {
    return renderKey(stream.key, this.context(prepared, stream, attributes));
  }

  /** Headers that the stream, or the rule where it has its own, gives a message beside those of its format. */
  headers(
    prepared: Prepared,
    stream: StreamSettings,
    rule: Pick<RuleSettings, "headers">,
    attributes: Pick<Attributes, "word">,
  ): RenderedHeaders {
    const settings = rule.headers ?? stream.headers;
    if (settings.length === 0) return NO_HEADERS;
    const bytesMax = Math.min(HEADERS_BYTES_MAX, this.options.limits.messageBytesMax - ATTRIBUTES_BYTES_MAX - DATA_BYTES_MIN);
    return renderHeaders(settings, this.context(prepared, stream, attributes), bytesMax);
  }

  /**
   * Makes a stream's message: redacted, encoded, within the limit.
   *
   * @param own - As {@link headers} makes them.
   */
  make(
    prepared: Prepared,
    stream: StreamSettings,
    rule: Pick<RuleSettings, "number" | "delivery">,
    topic: string,
    key: string,
    evidence: Evidence,
    own: RenderedHeaders = NO_HEADERS,
  ): Message {
    const { event } = prepared;
    const shape = this.shape(stream);
    const data = this.data(prepared, shape, own.bytes);
    const head = { ...this.eventHead(prepared, shape), key, evidence };
    const { headers, value, headersBytes } =
      stream.format === "cloudevents" ? structured(head, data) : this.binary(prepared, head, data, shape.isAcapy && event.agent !== null);
    assert(value.length + headersBytes + own.bytes <= this.options.limits.messageBytesMax, "a message stays within its limit");
    return {
      stream: stream.id,
      rule: rule.number,
      revision: stream.revision,
      tenant: event.identity.tenant,
      source: event.source,
      sourcePosition: event.sourcePosition,
      eventId: event.id,
      topic,
      key,
      headers: own.bytes === 0 ? headers : [...headers, ...own.headers],
      value,
      acceptedMs: prepared.acceptedMs,
      exactlyOnce: deliveryOf(stream, rule) === "exactly-once",
    };
  }

  /**
   * The event itself as one line of JSON: like a message of a stream in structured form, without a stream, a rule and
   * a place in a log. It is made anew of nothing that a message of the same shape has made already.
   *
   * @param settings - The same object each time: its shape is kept by it.
   */
  makeEvent(prepared: Prepared, settings: ShapeSettings): Buffer {
    const shape = this.shape(settings);
    return encodeEvent(this.eventHead(prepared, shape), this.data(prepared, shape, 0).json);
  }

  private eventHead(prepared: Prepared, { plan }: Shape): EventHead {
    const { event } = prepared;
    const { subject } = this.parts(prepared, plan);
    if (prepared.traceparent === undefined) prepared.traceparent = traceparentOf(event);
    return { event, subject, source: this.source(event.source), traceparent: prepared.traceparent };
  }

  private context(prepared: Prepared, stream: StreamSettings, attributes: Pick<Attributes, "word">): TemplateContext {
    const { event, content } = prepared;
    return { event, env: this.options.env, attributes, content, plan: this.shape(stream).plan };
  }

  /** The data of a shape; made anew for a message whose own headers leave too little room for that of the others. */
  private data(prepared: Prepared, shape: Shape, headersBytes: number): Data {
    const bytesMax = this.options.limits.messageBytesMax - ATTRIBUTES_BYTES_MAX;
    const own = this.parts(prepared, shape.plan);
    const parts = shape.isAcapy ? (own.acapy ?? own) : own;
    let data = prepared.data.get(shape);
    if (data === undefined) prepared.data.set(shape, (data = new Data(encodeData(parts, shape.body, bytesMax))));
    const room = bytesMax - headersBytes;
    if (headersBytes === 0 || data.json.length * 3 <= room || Buffer.byteLength(data.json) <= room) return data;
    return new Data(encodeData(parts, shape.body, room));
  }

  private binary(prepared: Prepared, head: MessageHead, data: Data, isAcapy: boolean): Form {
    prepared.headers ??= eventHeaders(head.event, head.source, head.traceparent);
    return {
      headers: binaryHeaders(head, prepared.headers, isAcapy ? "acapy" : "data"),
      value: data.value(),
      headersBytes: ATTRIBUTES_BYTES_MAX,
    };
  }

  private parts(prepared: Prepared, plan: RedactionPlan): DataParts {
    let parts = prepared.parts.get(plan);
    if (parts === undefined) {
      parts = makeParts(prepared.event, prepared.content, plan, this.options.redactionKey);
      prepared.parts.set(plan, parts);
    }
    return parts;
  }

  private source(name: string): string {
    let source = this.sources.get(name);
    // Sources are named in the configuration: there are few.
    if (source === undefined) this.sources.set(name, (source = sourceOf(this.options.instance, name)));
    return source;
  }

  private shape(settings: ShapeSettings): Shape {
    let shape = this.shapeBySettings.get(settings);
    if (shape === undefined) this.shapeBySettings.set(settings, (shape = this.compile(settings)));
    return shape;
  }

  private compile({ redact, keep, body, format }: ShapeSettings): Shape {
    const isAcapy = format === "acapy";
    const planKey = JSON.stringify([redact, keep]);
    let plan = this.plans.get(planKey);
    if (plan === undefined) this.plans.set(planKey, (plan = compilePlan(redact, keep)));
    const shapeKey = JSON.stringify([planKey, body, isAcapy]);
    let shape = this.shapes.get(shapeKey);
    if (shape === undefined) this.shapes.set(shapeKey, (shape = { plan, body, isAcapy }));
    return shape;
  }
}

function structured(head: MessageHead, data: Data): Form {
  return { headers: STRUCTURED_HEADERS, value: encodeMessage(head, data.json), headersBytes: STRUCTURED_HEADERS_BYTES };
}
