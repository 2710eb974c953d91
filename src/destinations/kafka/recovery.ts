/**
 * What a broker has of a lane.
 *
 * Promise: what is reported as had is on all replicas in sync. The leader's memory of a producer comes first; what it says
 * counts once the replicas have all that the leader has. Where the leader forgot, the log itself is read.
 *
 * A request of a connection that died may still wait at the broker. It does no harm: whichever of it and its repetition
 * comes second is refused by its numbers, or answered as the one that is there.
 */
import type { LanePosition, LaneRecovery } from "../../driver/destination.ts";
import { SidestreamError } from "../../errors.ts";
import type { Broker, Cluster, KafkaTopic } from "./cluster.ts";
import { laneParts, numberAfter, type LaneIdentity, type LaneNumbers } from "./lane-numbers.ts";
import { PartitionLog, type ProducerState } from "./partition-log.ts";
import type { Placement } from "./placement.ts";
import { positionText, readPosition, type Position } from "./position.ts";
import { findLast, READ_BACK_BYTES_MAX, replicatedEnd } from "./read-back.ts";

/** Bytes read for a lane that was never acknowledged: a new topic is small, and of a large one nothing is known. */
const UNKNOWN_BYTES_MAX = 1024 * 1024;

/** What is asked of a partition's leader. */
export type LeaderLog = Pick<PartitionLog, "producer" | "end" | "leaderEnd" | "follow" | "read">;

export interface RecoveryParts {
  readonly cluster: Pick<Cluster, "leader" | "forget" | "agreesOnLeader">;
  readonly placement: Pick<Placement, "verified">;
  readonly numbers: Pick<LaneNumbers, "of">;
  /** A test may put another log in place of the leader's. */
  readonly log?: (leader: Broker, topic: string, partition: number, signal: AbortSignal) => LeaderLog;
}

export class Recovery {
  readonly #parts: RecoveryParts;

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
  }

  /** As `NumberedConnection.recover` has it. */
  async recover(lane: string, last: LanePosition, signal: AbortSignal): Promise<LaneRecovery> {
    const { topic: name, partition } = laneParts(lane);
    const topic = await this.#parts.placement.verified(name, signal);
    const leader = await this.#parts.cluster.leader(name, partition, signal);
    const log = this.#parts.log?.(leader, name, partition, signal) ?? new PartitionLog(leader, name, partition, signal);
    const identity = this.#parts.numbers.of(lane);
    try {
      const first = await log.producer(identity.producerId);
      if (!isAhead(first, identity, last)) {
        const answer = await answerOf(lane, log, topic, identity, first, last);
        const isLost = answer.number !== null && answer.number < last.number;
        if (isLost && !(await this.#parts.cluster.agreesOnLeader(name, partition, leader.nodeId, signal)))
          throw new SidestreamError(
            "SST_LANE_UNAVAILABLE",
            `${lane}: broker ${leader.address} has less than was acknowledged, and no other broker says that it leads the partition`,
          );
        return answer;
      }
      // Asked again, so that it is known which leader said so: what it proves must be what it told.
      const end = await log.end();
      const state = await log.producer(identity.producerId);
      const answer = await answerOf(lane, log, topic, identity, state, last);
      if (!isAhead(state, identity, last)) return answer;
      return { ...answer, position: positionText({ topicId: topic.id, offset: await replicatedEnd(log, lane, end) }) };
    } catch (error) {
      // The leader may be another by now, or the topic gone.
      this.#parts.cluster.forget(name);
      throw error;
    }
  }
}

/** The leader has more than was acknowledged. */
function isAhead(state: ProducerState | null, identity: LaneIdentity, { number }: LanePosition): boolean {
  if (state === null || state.lastSequence < 0 || state.epoch !== identity.epoch) return false;
  return numberAfter(identity, state.lastSequence, number) > number;
}

async function answerOf(
  lane: string,
  log: LeaderLog,
  topic: KafkaTopic,
  identity: LaneIdentity,
  state: ProducerState | null,
  last: LanePosition,
): Promise<LaneRecovery> {
  if (state === null || state.lastSequence < 0) return fromLog(log, topic, identity, last);
  if (state.epoch > identity.epoch)
    throw new SidestreamError(
      "SST_IDENTITY_CHANGED",
      `${lane}: producer ${identity.producerId} writes there with epoch ${state.epoch}, and this spool has ${identity.epoch}: ` +
        "another copy of the spool is in use, or an older one was restored. `sidestream spool identity reset` numbers anew",
    );
  // Nothing was written under this epoch; or it is lost, where more than its base was acknowledged.
  const number = state.epoch < identity.epoch ? identity.base : numberAfter(identity, state.lastSequence, last.number);
  return { number, position: last.position };
}

/** The leader remembers nothing of us: no write for long, records that were deleted, or never a message. */
async function fromLog(log: LeaderLog, topic: KafkaTopic, identity: LaneIdentity, last: LanePosition): Promise<LaneRecovery> {
  const from = readFrom(topic, identity, last);
  const found = await findLast(log, identity, from?.offset ?? 0n, from === null ? UNKNOWN_BYTES_MAX : READ_BACK_BYTES_MAX);
  const at = (offset: bigint): string => positionText({ topicId: topic.id, offset });
  // Acknowledged, and no trace of it: that is another log, or it lost what it had. A cursor from before the lane's base goes
  // on with sequences before 0, which a leader that remembers nothing takes.
  if (found === null || (from === null && last.position === null && found.head === null && last.number > 0))
    return { number: null, position: at((await log.end()).highWatermark), readBack: true };
  // The cursor may be older than the lane's base, below which all was acknowledged.
  if (found.head === null) return { number: Math.max(last.number, identity.base), position: at(found.endOffset), readBack: true };
  return { number: numberAfter(identity, found.head.lastSequence, last.number), position: at(found.head.endOffset), readBack: true };
}

/** Nothing in doubt is before it in this topic; null where the whole of it must be read: what is known is of another. */
function readFrom(topic: KafkaTopic, identity: LaneIdentity, last: LanePosition): Position | null {
  const known = [last.position, identity.position].flatMap((text) => (text === null ? [] : [readPosition(text)]));
  const here = known.filter(({ topicId }) => topicId === topic.id);
  return here.toSorted((left, right) => Number(right.offset - left.offset))[0] ?? null;
}
