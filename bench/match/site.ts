/** What the parts of this bench share: its sizes, what was built, where it runs. */
import type { Built } from "./peers.ts";
import type { SetName } from "./workload.ts";

/** How much is done in one pass. */
export interface Extent {
  readonly passes: number;
  readonly sets: readonly SetName[];
  /** The smallest and the largest set, of which flatness is the ratio. */
  readonly small: SetName;
  readonly large: SetName;
  /** One pass over all events ends here for who is slow; then its matches aren't compared. */
  readonly countSecondsMax: number;
  /** Until compilers have done their work. */
  readonly warmSeconds: number;
  /** After the turns of the others, until caches are its own again. */
  readonly rewarmSeconds: number;
  readonly rateSeconds: number;
  readonly timesSeconds: number;
  /** Loading is repeated so often at most. */
  readonly loadsMax: number;
  /** Rules that are taken out and put back. */
  readonly changes: number;
  /** Tenants of the running program, each with a descriptor of its own. */
  readonly tenants: number;
}

export const FULL: Extent = {
  passes: 5,
  sets: ["10", "1000", "10000", "100000", "g1000"],
  small: "10",
  large: "100000",
  countSecondsMax: 10,
  warmSeconds: 1.5,
  rewarmSeconds: 0.1,
  rateSeconds: 0.3,
  timesSeconds: 0.15,
  loadsMax: 3,
  changes: 5_000,
  tenants: 10_000,
};

/** For trying: its figures say little. */
export const SHORT: Extent = {
  ...FULL,
  passes: 1,
  sets: ["10", "1000"],
  large: "1000",
  warmSeconds: 0.3,
  rateSeconds: 0.2,
  timesSeconds: 0.1,
  changes: 500,
  tenants: 500,
};

export interface Site {
  readonly extent: Extent;
  readonly built: Built;
  readonly folder: string;
  /** The core that all contestants run on, one at a time. */
  readonly core: number;
  /** For the person who waits. */
  readonly tell: (text: string) => void;
}
