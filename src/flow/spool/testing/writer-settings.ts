/** What a writer process and those that watch it agree on. */
import type { WhenFull } from "../log-settings.ts";

export interface WriterOptions {
  readonly bytesMax?: number;
  readonly segmentBytesMax?: number;
  readonly whenFull?: WhenFull;
  readonly parkBytes?: number;
  readonly tenantShare?: number;
  /** Of every fourth message; the others are small. Default: 60,000. */
  readonly valueBytesMax?: number;
  /** A lane that sends its first message and gets no answer while there is room. */
  readonly stuck?: string;
  /** Batches after which it ends by itself. Default: never. */
  readonly batches?: number;
}

export const LANES = ["lane-0", "lane-1", "lane-2"] as const;
/** Its messages have no lane, and are confirmed in any order. */
export const LOOSE_TOPIC = "loose";
export const REFUSED = "SST_DESTINATION_REFUSED";
/** Why messages die that have no lane. */
export const UNPLACEABLE = "SST_DESTINATION_UNPLACEABLE";
