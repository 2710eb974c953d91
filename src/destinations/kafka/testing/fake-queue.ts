/** A queue to a broker that answers as a test says, and notes what it was given. */
import type { ProduceQueue, Room } from "../produce-queue.ts";
import type { ProducePart, ProduceResult } from "../produce-request.ts";

export interface FakeQueue {
  readonly queue: ProduceQueue;
  /** What was written, in order. */
  readonly parts: readonly ProducePart[];
  /** Rooms that were taken and not given back. */
  readonly roomsHeld: number;
}

export function fakeQueue(answer: (part: ProducePart) => Promise<ProduceResult> | ProduceResult): FakeQueue {
  const parts: ProducePart[] = [];
  let roomsHeld = 0;
  const queue = {
    async reserve(): Promise<Room> {
      roomsHeld += 1;
      return { release: () => (roomsHeld -= 1) };
    },
    async produce(part: ProducePart, room: Room): Promise<ProduceResult> {
      room.release();
      parts.push(part);
      return answer(part);
    },
  };
  return {
    queue: queue as unknown as ProduceQueue,
    parts,
    get roomsHeld() {
      return roomsHeld;
    },
  };
}
