/**
 * What was left unread in the log because its lane, or its topic, can't get on: the others pass it by.
 *
 * Promise: order per lane holds: once a message of a group was left, every later one of it is left too, until the
 * reader has gone back for them all.
 */

export interface Group {
  readonly name: string;
  /** First number in the log that was left. */
  fromSequence: number;
  /** When that message was accepted, or an earlier one. */
  acceptedMs: number;
  /** It can get on: the reader may go back for it. */
  revived: boolean;
  /** The reader is going back for it now, from its first message on. One that revives meanwhile waits for the next time. */
  due: boolean;
}

export class Behind {
  readonly #groups = new Map<string, Group>();

  get size(): number {
    return this.#groups.size;
  }

  has(name: string): boolean {
    return this.#groups.has(name);
  }

  get(name: string): Group | undefined {
    return this.#groups.get(name);
  }

  /** Leaves a message, and with it all later ones of its group. */
  leave(name: string, sequence: number, acceptedMs: number): void {
    const group = this.#groups.get(name);
    if (group === undefined) {
      this.#groups.set(name, { name, fromSequence: sequence, acceptedMs, revived: false, due: false });
      return;
    }
    group.revived = group.due = false;
    if (sequence >= group.fromSequence) return;
    group.fromSequence = sequence;
    group.acceptedMs = Math.min(group.acceptedMs, acceptedMs);
  }

  /** One message was handed over, or left with another group. */
  passed(name: string, sequence: number, acceptedMs: number): void {
    const group = this.#groups.get(name);
    if (group === undefined || sequence < group.fromSequence) return;
    group.fromSequence = sequence + 1;
    group.acceptedMs = acceptedMs;
  }

  /** True where the reader may hand over a message of a group that was left: it has gone back for it. */
  isDue(name: string, sequence: number): boolean {
    const group = this.#groups.get(name);
    return group?.due === true && sequence >= group.fromSequence;
  }

  /** @returns False when nothing of it was left. */
  revive(name: string): boolean {
    const group = this.#groups.get(name);
    if (group !== undefined) group.revived = true;
    return group !== undefined;
  }

  /** There is something to go back for. */
  get anyRevived(): boolean {
    for (const group of this.#groups.values()) if (group.revived) return true;
    return false;
  }

  /** Something was revived since the reader began to go back. */
  get isAnyWaiting(): boolean {
    for (const group of this.#groups.values()) if (group.revived && !group.due) return true;
    return false;
  }

  /** Begins to go back for what was revived. @returns Where to begin; null when there is nothing to go back for. */
  goBack(): number | null {
    let from: number | null = null;
    for (const group of this.#groups.values()) {
      group.due = group.revived;
      if (group.revived && (from === null || group.fromSequence < from)) from = group.fromSequence;
    }
    return from;
  }

  get oldestAcceptedMs(): number | null {
    let oldest: number | null = null;
    for (const { acceptedMs } of this.#groups.values()) if (oldest === null || acceptedMs < oldest) oldest = acceptedMs;
    return oldest;
  }

  /** The reader went over the log up to a number. A group that is no longer behind the end is let go. */
  readUpTo(sequence: number, endSequence: number): void {
    for (const group of this.#groups.values()) {
      if (!group.due) continue;
      group.due = false;
      group.fromSequence = Math.max(group.fromSequence, sequence);
      if (group.fromSequence >= endSequence) this.#groups.delete(group.name);
    }
  }
}
