/**
 * Says everything that would come of an event, without spool and destinations.
 *
 * Promise: the same code selects, fills in templates and makes messages as in the flow, so that the two can't differ.
 * What only a running program knows is left out or stands as a placeholder: the log's id is `dry-run`, the sequence 0,
 * and no log is full or has its last topic.
 */
import { randomBytes } from "node:crypto";
import { isOnce } from "./deliveries.ts";
import { ContentValues } from "./content/pointers.ts";
import type { Event, IdentifiedEvent } from "./event.ts";
import { createIdentify } from "./identify/identify.ts";
import { attributesOf } from "./match/attributes.ts";
import { printTarget } from "./match/print.ts";
import type { Attributes } from "./match/rule.ts";
import { isOpenTo, select, type Selection } from "./match/select.ts";
import type { AskedEvent } from "./match/stream-index.ts";
import { MessageMaker, REDACTION_KEY_BYTES } from "./message/maker.ts";
import type { Message } from "./message/message.ts";
import { isFirst, messageOf, topicOf, type Draft } from "./put.ts";
import { deliveryOf, type Delivery, type FlowSettings, type StreamSettings } from "./settings.ts";

/** What stands where a message names the log that numbered it. */
export const DRY_RUN_LOG_ID = "dry-run";

export type DrySettings = Pick<FlowSettings, "instance" | "env" | "limits" | "streams" | "sources">;

/** What becomes of one selection. */
export interface DryMessage {
  readonly stream: string;
  /** Place of the rule in its descriptor, from 1. */
  readonly rule: number;
  /** As the rule has it: `kafka1:{tenant}.users`. */
  readonly target: string;
  readonly destination: string;
  /** Null: the template gave none. */
  readonly topic: string | null;
  /**
   * `sent`; `dead` or (at most once) `dropped`, since there is no topic; `repeated`: an earlier rule of the stream made a
   * message for the same topic by another template.
   */
  readonly outcome: "sent" | "dead" | "dropped" | "repeated";
  /** Why it isn't sent; null where it is. */
  readonly reason: string | null;
  readonly delivery: Delivery;
  readonly key: string;
  readonly headers: Message["headers"];
  /** Redacted and encoded, as the destination would get it. */
  readonly value: Buffer;
}

/** What one stream makes of the event. */
export interface DryStream {
  readonly stream: StreamSettings;
  /** False: it isn't open to the event's tenant, and so makes nothing of it. */
  readonly isOpen: boolean;
  readonly messages: readonly DryMessage[];
}

export interface DryResult {
  readonly event: IdentifiedEvent;
  readonly content: ContentValues;
  readonly attributes: Attributes;
  /** All streams, in order, also those that make nothing of it. */
  readonly streams: readonly DryStream[];
}

export interface DryRunOptions {
  /** Key of the hashes of removed values; absent: random ones, so that they show only within one dry run what is alike. */
  readonly redactionKey?: Buffer;
}

/** Runs events dry under one configuration. */
export class DryRun {
  readonly #settings: DrySettings;
  readonly #maker: MessageMaker;
  readonly #identify: (event: Event) => IdentifiedEvent | null;

  constructor(settings: DrySettings, { redactionKey = randomBytes(REDACTION_KEY_BYTES) }: DryRunOptions = {}) {
    const { instance, env, limits, sources } = settings;
    this.#settings = settings;
    this.#maker = new MessageMaker({ instance, env, limits, redactionKey });
    this.#identify = createIdentify(sources);
  }

  /** @returns Null: it can't be told whose the event is, so that nothing comes of it. */
  runEvent(event: Event): DryResult | null {
    const identified = this.#identify(event);
    return identified === null ? null : this.run(identified);
  }

  /**
   * @param view - How rules see the event, where that is more than the event itself holds: of one that was read back
   * from a message, what was removed is unknown.
   */
  run(event: IdentifiedEvent, view?: Attributes): DryResult {
    const { streams, limits } = this.#settings;
    const content = new ContentValues(event, limits);
    const attributes = view ?? attributesOf(event, content);
    const { tenant } = event.identity;
    const selections = select(attributes, streams, tenant);
    const messages = this.make({ event, content, attributes }, selections);
    const results = streams.map((stream) => ({
      stream,
      isOpen: isOpenTo(stream, tenant),
      messages: messages.filter((_, place) => selections[place]?.stream === stream),
    }));
    return { event, content, attributes, streams: results };
  }

  /** The message of each selection. @param selections - Of an event, by somebody who has looked at the rules already. */
  make({ event, content, attributes }: AskedEvent, selections: readonly Selection[]): readonly DryMessage[] {
    if (selections.length === 0) return [];
    const { instance } = this.#settings;
    const prepared = this.#maker.prepare(event, content);
    const made = new Set<string>();
    return selections.map((selection) => dryMessage({ maker: this.#maker, prepared, selection, attributes, instance, made }));
  }
}

function dryMessage(draft: Draft): DryMessage {
  const { stream, rule, target } = draft.selection;
  const rendered = topicOf(draft);
  const topic = rendered.ok ? rendered.topic : null;
  // As in the flow: what has no topic is set aside with an empty one.
  const { key, headers, value } = messageOf(draft, topic ?? "", DRY_RUN_LOG_ID, 0);
  return {
    stream: stream.id,
    rule: rule.number,
    target: printTarget(target),
    destination: target.destination,
    topic,
    ...outcomeOf(draft, rendered),
    delivery: deliveryOf(stream, rule),
    key,
    headers,
    value,
  };
}

function outcomeOf(draft: Draft, rendered: ReturnType<typeof topicOf>): Pick<DryMessage, "outcome" | "reason"> {
  const { stream, rule } = draft.selection;
  if (!rendered.ok) return { outcome: isOnce(stream, rule) ? "dropped" : "dead", reason: rendered.reason };
  if (isFirst(draft, rendered.topic)) return { outcome: "sent", reason: null };
  return { outcome: "repeated", reason: "an earlier rule of the stream made a message for this topic" };
}
