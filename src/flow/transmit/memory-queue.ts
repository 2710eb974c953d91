/**
 * Messages that wait in memory to be sent once, lane by lane.
 *
 * Promise: never more than `messagesMax` of them, nor more than `bytesMax` bytes, those being sent included; of a lane in
 * the order in which they came. What doesn't fit is turned away, the newest first. Once there are several lanes none takes
 * more than half, so that one that is stuck leaves room for the others.
 */

/** Messages that wait for one destination, or are being sent to it. */
export const MEMORY_MESSAGES_MAX = 10_000;
/** Their bytes: some of the largest, thousands of the usual ones. */
export const MEMORY_BYTES_MAX = 16 * 1024 * 1024;
/** Of either bound, what a lane may take that isn't the only one. */
const LANE_SHARE = 1 / 2;

export interface MemoryBounds {
  readonly messagesMax: number;
  readonly bytesMax: number;
}

interface Waiting<Message> {
  readonly message: Message;
  readonly bytes: number;
  /** The tick in which it came. */
  readonly tick: number;
}

interface LaneQueue<Message> {
  readonly waiting: Waiting<Message>[];
  /** Those being sent included. */
  messages: number;
  bytes: number;
}

/** Messages that were taken together, and count until they are done. */
export interface Taken<Message> {
  readonly lane: string;
  readonly messages: readonly Message[];
  readonly bytes: number;
}

export class MemoryQueue<Message> {
  readonly #bounds: MemoryBounds;
  readonly #lanes = new Map<string, LaneQueue<Message>>();
  /** The first lane that was met; null before. */
  #first: string | null = null;
  #isShared = false;
  #messages = 0;
  #bytes = 0;

  constructor(bounds: MemoryBounds) {
    this.#bounds = bounds;
  }

  /** Waiting, or being sent. */
  get messages(): number {
    return this.#messages;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Messages of a lane that wait. */
  waitingOf(lane: string): number {
    return this.#lanes.get(lane)?.waiting.length ?? 0;
  }

  /** Whether one more message of the lane would be taken, if it were small enough. */
  hasRoom(lane: string): boolean {
    this.#first ??= lane;
    // Asking is enough for a second lane to be known, so that one that finds all of it taken has what becomes free.
    this.#isShared ||= lane !== this.#first;
    return this.#fits(lane, 0);
  }

  /**
   * @param tick - Rises with time: `removeUntil` goes by it.
   * @returns False: there is no room for it.
   */
  add(lane: string, message: Message, bytes: number, tick: number): boolean {
    if (!this.hasRoom(lane) || !this.#fits(lane, bytes)) return false;
    let queue = this.#lanes.get(lane);
    if (queue === undefined) this.#lanes.set(lane, (queue = { waiting: [], messages: 0, bytes: 0 }));
    queue.waiting.push({ message, bytes, tick });
    this.#count(queue, 1, bytes);
    return true;
  }

  /** Takes the first messages of a lane, one at least unless none waits or none may be taken. They count until `done`. */
  take(lane: string, messagesMax: number, bytesMax: number): Taken<Message> | null {
    const waiting = this.#lanes.get(lane)?.waiting ?? [];
    let bytes = 0;
    let count = 0;
    for (const next of waiting) {
      if (count >= messagesMax || (count > 0 && bytes + next.bytes > bytesMax)) break;
      bytes += next.bytes;
      count += 1;
    }
    if (count === 0) return null;
    return { lane, messages: waiting.splice(0, count).map(({ message }) => message), bytes };
  }

  done({ lane, messages, bytes }: Taken<Message>): void {
    const queue = this.#lanes.get(lane);
    if (queue === undefined) return;
    this.#count(queue, -messages.length, -bytes);
    if (queue.messages === 0) this.#lanes.delete(lane);
  }

  /** Gives up what waits and came in a tick or before. */
  removeUntil(lastTick: number): readonly Message[] {
    const removed: Message[] = [];
    for (const [lane, { waiting }] of this.#lanes) {
      const end = waiting.findIndex(({ tick }) => tick > lastTick);
      const gone = waiting.splice(0, end === -1 ? waiting.length : end);
      if (gone.length === 0) continue;
      const messages = gone.map(({ message }) => message);
      removed.push(...messages);
      this.done({ lane, messages, bytes: gone.reduce((sum, { bytes }) => sum + bytes, 0) });
    }
    return removed;
  }

  #fits(lane: string, bytes: number): boolean {
    // One that is larger than all the room has it alone.
    if (this.#messages === 0) return true;
    const { messagesMax, bytesMax } = this.#bounds;
    if (this.#messages >= messagesMax || this.#bytes + bytes > bytesMax) return false;
    const own = this.#lanes.get(lane);
    if (!this.#isShared || own === undefined) return true;
    return own.messages < messagesMax * LANE_SHARE && own.bytes + bytes <= bytesMax * LANE_SHARE;
  }

  #count(queue: LaneQueue<Message>, messages: number, bytes: number): void {
    queue.messages += messages;
    queue.bytes += bytes;
    this.#messages += messages;
    this.#bytes += bytes;
  }
}
