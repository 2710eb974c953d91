/**
 * The room that a log has: its budget, what of it is used, and who may have more of it.
 *
 * Control records need no room: they are written to a full log too, which could not drain otherwise.
 */
import type { Cursor } from "./cursor.ts";
import type { DestinationLogSettings } from "./log-settings.ts";
import type { SegmentLog } from "./segment-log.ts";
import { segmentSizeFor } from "./segment.ts";
import { fullError, shareError } from "./stop-reason.ts";

const SEGMENT_BYTES_MAX = 64 * 1024 * 1024;
/** A budget holds at least this many segments, so that delivered ones are freed long before it is used up. */
const SEGMENTS_PER_BUDGET = 64;
/** Room kept for the state frame, the summary, control records and the headers of the segments. */
const OVERHEAD_BYTES = 64 * 1024;
/** A log whose oldest messages give way keeps this part of its budget free, one in so many; more where events are large. */
const RESERVED_PART = 16;

/** Size at which a log with these settings begins a new segment. */
export function logSegmentBytes({ bytesMax, segmentBytesMax }: Pick<DestinationLogSettings, "bytesMax" | "segmentBytesMax">): number {
  return segmentBytesMax ?? segmentSizeFor(bytesMax, SEGMENTS_PER_BUDGET, SEGMENT_BYTES_MAX);
}

export class LogRoom {
  readonly bytesMax: number;
  readonly #segments: SegmentLog;
  readonly #cursor: Cursor;
  readonly #settings: DestinationLogSettings;
  readonly #tenantShare: number;
  /** Kept free where the oldest messages give way. */
  readonly #reserveBytes: number;

  constructor(settings: DestinationLogSettings, segments: SegmentLog, cursor: Cursor) {
    this.#segments = segments;
    this.#cursor = cursor;
    this.#settings = settings;
    this.bytesMax = settings.bytesMax;
    this.#tenantShare = settings.tenantShare ?? 1;
    const { bytesMax, reserveBytesMin = 0 } = settings;
    this.#reserveBytes = Math.max(logSegmentBytes(settings), Math.floor(bytesMax / RESERVED_PART), reserveBytesMin);
  }

  /** There is less room than a log keeps free whose oldest messages give way. */
  get isShort(): boolean {
    return this.freeBytes < this.#reserveBytes;
  }

  /**
   * Sees to it that so many bytes may be appended for a tenant.
   *
   * @param heldBytes - What the tenant has waiting.
   * @throws SidestreamError `SST_SPOOL_FULL`, `SST_TENANT_SHARE`
   */
  admit(bytes: number, tenant: string, heldBytes: number): void {
    if (bytes > this.freeBytes) {
      if (bytes > this.roomBytes) throw fullError(this.#settings, this.#segments.usedBytes);
      // All of the open segment is done: it is closed, and removed with the next confirmation.
      this.#segments.endSegment();
    }
    if (this.isHeldBack(heldBytes)) throw shareError(this.#settings, tenant, heldBytes);
  }

  /** Whether a tenant that has so much waiting has more than its share, and the log is half full. */
  isHeldBack(heldBytes: number): boolean {
    return heldBytes > this.bytesMax * this.#tenantShare && this.roomBytes < this.bytesMax / 2;
  }

  /** Bytes that may be appended to the segments as they are. */
  get freeBytes(): number {
    return this.bytesMax - OVERHEAD_BYTES - this.#segments.usedBytes;
  }

  /** Bytes that may be appended, once the open segment is closed where all of it is done. */
  get roomBytes(): number {
    const { idleSegment } = this.#segments;
    const isDone = idleSegment !== null && idleSegment.nextSequence <= this.#cursor.savedLowWater;
    return Math.max(0, this.freeBytes + (isDone ? idleSegment.bytes : 0));
  }
}
