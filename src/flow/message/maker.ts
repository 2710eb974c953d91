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
import type { BodySettings, StreamSettings } from "../settings.ts";
import { makeParts, type DataParts } from "./data-parts.ts";
import { ATTRIBUTES_BYTES_MAX, CONTENT_TYPE, encodeData, encodeMessage, MESSAGE_BYTES_MIN, sourceOf, traceparentOf } from "./encode.ts";
import type { Evidence, Message } from "./message.ts";
import { compilePlan, type RedactionPlan } from "./plan.ts";
import { renderKey, renderTopic, type RenderedTopic } from "./templates.ts";

const REDACTION_KEY_BYTES = 32;
const HEADERS: Message["headers"] = [["content-type", CONTENT_TYPE]];

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
}

/** An event with the work that its messages share. */
export class Prepared {
  readonly event: IdentifiedEvent;
  readonly content: ContentValues;
  /** When the engine accepted it, milliseconds since 1970. */
  readonly acceptedMs: number;
  /** Undefined: not looked for yet. */
  traceparent: string | null | undefined = undefined;
  readonly parts = new Map<RedactionPlan, DataParts>();
  readonly data = new Map<Shape, string>();

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
  private readonly shapeByStream = new WeakMap<StreamSettings, Shape>();
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
    return renderTopic(template, {
      event: prepared.event,
      env: this.options.env,
      attributes,
      content: prepared.content,
      plan: this.shape(stream).plan,
    });
  }

  /** Key of the stream's messages for this event. */
  key(prepared: Prepared, stream: StreamSettings, attributes: Pick<Attributes, "word">): string {
    return renderKey(stream.key, {
      event: prepared.event,
      env: this.options.env,
      attributes,
      content: prepared.content,
      plan: this.shape(stream).plan,
    });
  }

  /** Makes a stream's message: redacted, encoded, within the limit. */
  make(prepared: Prepared, stream: StreamSettings, ruleNumber: number, topic: string, key: string, evidence: Evidence): Message {
    const { event } = prepared;
    const shape = this.shape(stream);
    const parts = this.parts(prepared, shape.plan);
    const { messageBytesMax } = this.options.limits;
    let data = prepared.data.get(shape);
    if (data === undefined) {
      data = encodeData(parts, shape.body, messageBytesMax - ATTRIBUTES_BYTES_MAX);
      prepared.data.set(shape, data);
    }
    if (prepared.traceparent === undefined) prepared.traceparent = traceparentOf(event);
    const head = { event, subject: parts.subject, key, evidence, source: this.source(event.source), traceparent: prepared.traceparent };
    return {
      stream: stream.id,
      rule: ruleNumber,
      revision: stream.revision,
      tenant: event.identity.tenant,
      source: event.source,
      sourcePosition: event.sourcePosition,
      eventId: event.id,
      topic,
      key,
      headers: HEADERS,
      value: encodeMessage(head, data, messageBytesMax),
      acceptedMs: prepared.acceptedMs,
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

  private shape(stream: StreamSettings): Shape {
    let shape = this.shapeByStream.get(stream);
    if (shape === undefined) this.shapeByStream.set(stream, (shape = this.compile(stream)));
    return shape;
  }

  private compile(stream: StreamSettings): Shape {
    const planKey = JSON.stringify([stream.redact, stream.keep]);
    let plan = this.plans.get(planKey);
    if (plan === undefined) this.plans.set(planKey, (plan = compilePlan(stream.redact, stream.keep)));
    const shapeKey = JSON.stringify([planKey, stream.body]);
    let shape = this.shapes.get(shapeKey);
    if (shape === undefined) this.shapes.set(shapeKey, (shape = { plan, body: stream.body }));
    return shape;
  }
}
