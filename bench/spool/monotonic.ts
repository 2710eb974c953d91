/** One clock for all threads: `performance.now` begins anew in each. */

const NANOSECONDS = 1e6;

export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / NANOSECONDS;
}
