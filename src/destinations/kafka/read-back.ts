/**
 * Tells from a partition's log what of ours is there for good.
 *
 * Promise: each search is bounded in bytes and in time; what could not be seen to the end is told as such.
 */
import { SidestreamError } from "../../errors.ts";
import type { LaneIdentity } from "./lane-numbers.ts";
import type { BatchHead, LogEnd, PartitionLog } from "./partition-log.ts";

/** Of others' messages too: minutes of a busy partition, seconds to read. */
export const READ_BACK_BYTES_MAX = 128 * 1024 * 1024;
/** Below what the flow waits for a recovery, so that the answer counts. */
const READ_BACK_MS_MAX = 20_000;
/** Replicas that are in sync follow within milliseconds; others are dropped from the set by the leader. */
const REPLICATED_MS_MAX = 10_000;

export interface FoundLast {
  /** The last batch of this producer and epoch; null when there is none. */
  readonly head: BatchHead | null;
  /** Where reading ended: all below was seen. */
  readonly endOffset: bigint;
}

/**
 * Waits until all that the leader told of since `end` is on all replicas in sync.
 *
 * The leader of one epoch only ever appends, so that whatever it told of lies below the end that it tells now. Nothing of
 * the log has to be read for it, and nothing of it need be there any more.
 *
 * @param end - Where the log ended before the leader was asked.
 * @returns An offset that all this lies below.
 * @throws SidestreamError `SST_LANE_UNAVAILABLE` when they don't follow in time, or the leader changed meanwhile.
 */
export async function replicatedEnd(
  log: Pick<PartitionLog, "leaderEnd" | "follow">,
  lane: string,
  { highWatermark, leaderEpoch }: LogEnd,
): Promise<bigint> {
  const untilMs = Date.now() + REPLICATED_MS_MAX;
  const leaderEnd = await log.leaderEnd(leaderEpoch);
  for (let high = highWatermark; high < leaderEnd; high = await log.follow(high, leaderEpoch)) {
    if (Date.now() >= untilMs)
      throw new SidestreamError("SST_LANE_UNAVAILABLE", `${lane}: the leader has messages that its replicas don't have yet`);
  }
  return leaderEnd;
}

/**
 * Looks for the last batch of a producer and epoch, from an offset to where all replicas in sync have it.
 *
 * @returns Null when not all of that could be seen.
 * @throws SidestreamError `SST_LANE_UNAVAILABLE` while a new leader doesn't know where that is.
 */
export async function findLast(
  log: Pick<PartitionLog, "read">,
  identity: LaneIdentity,
  fromOffset: bigint,
  bytesMax: number = READ_BACK_BYTES_MAX,
): Promise<FoundLast | null> {
  const untilMs = Date.now() + READ_BACK_MS_MAX;
  let offset = fromOffset;
  let head: BatchHead | null = null;
  for (let bytes = 0; bytes < bytesMax && Date.now() < untilMs;) {
    const page = await log.read(offset);
    if (page === null) return null;
    head = page.heads.findLast((one) => isOwn(one, identity)) ?? head;
    offset = page.heads.at(-1)?.endOffset ?? offset;
    if (offset === page.highWatermark) return { head, endOffset: offset };
    if (offset > page.highWatermark)
      throw new SidestreamError("SST_LANE_UNAVAILABLE", "the leader does not know yet what its replicas have");
    bytes += page.bytes;
  }
  return null;
}

function isOwn(head: BatchHead, { producerId, epoch }: LaneIdentity): boolean {
  return head.producerId === producerId && head.epoch === epoch;
}
