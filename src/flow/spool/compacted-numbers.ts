/** What compacted segments say of the numbers that they leave out. */
import type { ConfirmedRanges } from "./confirmed-ranges.ts";
import { newestSlot, type SlotState } from "./cursor-slot.ts";
import type { Segment } from "./segment.ts";

/**
 * What compacted segments leave out is done.
 *
 * @param slots - As they were found.
 * @returns How many of those numbers the cursor does not know as done: it is older than the segments.
 */
export function takeCompacted(ranges: ConfirmedRanges, slots: readonly SlotState[], segments: readonly Segment[]): number {
  const known = newestSlot(slots).record.compactedBelow ?? 0;
  let unknown = 0;
  for (const { header, nextSequence, frames } of segments) {
    if (frames === null) continue;
    const [from, to] = [header.baseSequence, nextSequence];
    if (to > known) {
      // Below what the cursor knew as compacted it leaves out what an earlier use of these segments said.
      const first = Math.max(from + 1, known);
      const missing = (start: number, end: number): number => ranges.countMissing(Math.max(start, first), Math.min(end, to - 1));
      // Of a damaged one, what may have had a frame goes beyond what could be read.
      unknown += missing(first, to) - frames.reduce((sum, [start, end]) => sum + missing(start, end), 0);
    }
    ranges.compacted({ from, to, frames });
  }
  return unknown;
}
