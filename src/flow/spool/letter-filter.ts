/** Which dead letters are meant. */
import { streamOfLabel } from "../message/stream-label.ts";
import type { DeadLetter } from "./letter-reading.ts";

/** All that are given hold; none of them: every letter. */
export interface LetterFilter {
  readonly stream?: string | undefined;
  readonly tenant?: string | undefined;
  /** Code of the error for which it died. */
  readonly reason?: string | undefined;
  /** Died then or later, milliseconds since 1970. */
  readonly sinceMs?: number | undefined;
  /** Died before. */
  readonly untilMs?: number | undefined;
  readonly eventId?: string | undefined;
}

export function isMeant({ cause, message }: Pick<DeadLetter, "cause" | "message">, filter: LetterFilter): boolean {
  const { stream, tenant, reason, sinceMs = Number.NEGATIVE_INFINITY, untilMs = Number.POSITIVE_INFINITY, eventId } = filter;
  return (
    (stream === undefined || stream === streamOfLabel(message.stream)) &&
    (tenant === undefined || tenant === message.tenant) &&
    (reason === undefined || reason === cause.code) &&
    (eventId === undefined || eventId === message.eventId) &&
    cause.deadMs >= sinceMs &&
    cause.deadMs < untilMs
  );
}

/** False: it died before it had a topic, so there is nowhere to send it. */
export function canBeSent({ message }: Pick<DeadLetter, "message">): boolean {
  return message.topic !== "";
}
