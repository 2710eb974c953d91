/** One selection of an event on its way to a destination, and the message that is made of it. */
import type { Attributes } from "./match/rule.ts";
import type { Selection } from "./match/select.ts";
import type { MessageMaker, Prepared } from "./message/maker.ts";
import type { Message } from "./message/message.ts";

export interface Put {
  readonly maker: MessageMaker;
  readonly prepared: Prepared;
  readonly selection: Selection;
  readonly attributes: Attributes;
  /** Name of this program among its like. */
  readonly instance: string;
  /** Stream and topic of the messages that the event has made already; one more is left out. */
  readonly made: Set<string>;
  readonly acknowledging: boolean;
  /** What is to be done once nothing of the event can be refused any more: messages that are sent once. */
  readonly afterwards: (() => void)[];
}

/** @param logId - Of what numbers it. */
export function messageOf(
  { maker, prepared, selection: { stream, rule }, attributes, instance }: Put,
  topic: string,
  logId: string,
  sequence: number,
): Message {
  const evidence = { stream: stream.id, rule: rule.number, revision: stream.revision, instance, logId, sequence };
  const headers = maker.headers(prepared, stream, rule, attributes);
  return maker.make(prepared, stream, rule, topic, maker.key(prepared, stream, attributes), evidence, headers);
}
