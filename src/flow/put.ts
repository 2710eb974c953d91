/** One selection of an event on its way to a destination, and the message that is made of it. */
import type { Attributes } from "./match/rule.ts";
import type { Selection } from "./match/select.ts";
import type { MessageMaker, Prepared } from "./message/maker.ts";
import type { Message } from "./message/message.ts";
import type { RenderedTopic } from "./message/templates.ts";

/** What a message is made of, wherever it goes. */
export interface Draft {
  readonly maker: MessageMaker;
  readonly prepared: Prepared;
  readonly selection: Selection;
  readonly attributes: Attributes;
  /** Name of this program among its like. */
  readonly instance: string;
  /** Stream and topic of the messages that the event has made already; one more is left out. */
  readonly made: Set<string>;
}

export interface Put extends Draft {
  readonly acknowledging: boolean;
  /** What is sent at most once may have been made of the event before. */
  readonly isRepeated: boolean;
  /** What is to be done once nothing of the event can be refused any more: messages that are sent once. */
  readonly afterwards: (() => void)[];
}

/** Topic of the selection's message, or the reason why there is none. */
export function topicOf({ maker, prepared, selection: { stream, target }, attributes }: Draft): RenderedTopic {
  return maker.topic(prepared, stream, target.topic, attributes);
}

/** False where the event has made a message for this stream and topic before: templates that differ may give one topic. */
export function isFirst({ made, selection: { stream, target } }: Draft, topic: string): boolean {
  const name = `${stream.id} ${target.destination}:${topic}`;
  if (made.has(name)) return false;
  made.add(name);
  return true;
}

/** @param logId - Of what numbers it. */
export function messageOf(
  { maker, prepared, selection: { stream, rule }, attributes, instance }: Draft,
  topic: string,
  logId: string,
  sequence: number,
): Message {
  const evidence = { stream: stream.id, rule: rule.number, revision: stream.revision, instance, logId, sequence };
  const headers = maker.headers(prepared, stream, rule, attributes);
  return maker.make(prepared, stream, rule, topic, maker.key(prepared, stream, attributes), evidence, headers);
}
