/** Where a lane's last message is, as the spool keeps it: the topic's id and the offset after the message. */

export interface Position {
  /** Null from brokers without ids. */
  readonly topicId: string | null;
  readonly offset: bigint;
}

export function positionText({ topicId, offset }: Position): string {
  return `${topicId ?? ""}:${offset}`;
}

export function readPosition(text: string): Position {
  const colon = text.lastIndexOf(":");
  return { topicId: text.slice(0, colon) || null, offset: BigInt(text.slice(colon + 1)) };
}
