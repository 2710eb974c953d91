/**
 * Conservation: every accepted message is delivered, dead, dropped or pending.
 *
 * Promise: a difference is found, not explained away. The four are counted where they happen and pending comes from
 * the log itself, so a message that is lost or counted twice shows up as a difference.
 */

/** Messages of one stream, tenant and destination, since the log began. */
export interface MessageCounts {
  readonly stream: string;
  readonly tenant: string;
  readonly destination: string;
  readonly accepted: number;
  readonly delivered: number;
  readonly dead: number;
  /** By reason: an error code or the name of a policy. */
  readonly dropped: Readonly<Record<string, number>>;
  readonly pending: number;
}

export interface ConservationBreach {
  readonly stream: string;
  readonly tenant: string;
  readonly destination: string;
  /** Positive: messages that were accepted and are nowhere. Negative: messages that came from nowhere. */
  readonly difference: number;
}

/** Accepted less delivered, dead, dropped and pending; 0 when nothing is lost or made up. */
export function conservationDifference(counts: MessageCounts): number {
  return counts.accepted - counts.delivered - counts.dead - droppedOf(counts) - counts.pending;
}

/** Messages given up, for whatever reason. */
export function droppedOf({ dropped }: Pick<MessageCounts, "dropped">): number {
  let sum = 0;
  for (const count of Object.values(dropped)) sum += count;
  return sum;
}

/** Those whose sum is not right, in the order given; empty when all is well. */
export function conservationBreaches(all: readonly MessageCounts[]): readonly ConservationBreach[] {
  const breaches: ConservationBreach[] = [];
  for (const counts of all) {
    const difference = conservationDifference(counts);
    if (difference === 0) continue;
    breaches.push({ stream: counts.stream, tenant: counts.tenant, destination: counts.destination, difference });
  }
  return breaches;
}
