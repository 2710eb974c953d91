/**
 * Measures how late the event loop of this thread runs: the time that a request can be held up by our own work.
 *
 * Promise: costs one timer of 10 ms, keeps no process alive, allocates nothing per tick.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { LoopDelay } from "./snapshot.ts";

/** Often enough to see a pause that a client would notice, rare enough to cost nothing. */
const RESOLUTION_MS = 10;
const NANOSECONDS_PER_MILLISECOND = 1e6;

export interface LoopDelayMeter {
  /** The delay since the meter was opened or last read with `restart`. */
  read(restart: boolean): LoopDelay;
  close(): void;
}

/** Starts measuring the thread that calls it. */
export function openLoopDelayMeter(): LoopDelayMeter {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  return {
    read(restart) {
      const empty = histogram.count === 0;
      const delay: LoopDelay = {
        medianMs: empty ? 0 : lateMs(histogram.percentile(50)),
        percentile99Ms: empty ? 0 : lateMs(histogram.percentile(99)),
        maxMs: empty ? 0 : lateMs(histogram.max),
      };
      if (restart) histogram.reset();
      return delay;
    },
    close() {
      histogram.disable();
    },
  };
}

/** The histogram counts the timer's own period as delay; this takes it off. */
function lateMs(nanoseconds: number): number {
  return Math.max(0, nanoseconds / NANOSECONDS_PER_MILLISECOND - RESOLUTION_MS);
}
