/**
 * Messages that a destination refused for good, with the reason: a log of their own, bounded in age and bytes.
 *
 * Promise: `add` settles after fdatasync. What is older than the limit, or over the budget, goes segment by segment,
 * the oldest first, and is counted.
 */
import { SidestreamError } from "../../errors.ts";
import type { Message } from "../message/message.ts";
import type { FrameTag } from "./batch.ts";
import type { Disk } from "./disk.ts";
import { missingNumbers, rewritten, type SpoolFinding } from "./findings.ts";
import { LogRecovery } from "./recovery.ts";
import type { RecoveredLog } from "./recovered-log.ts";
import { encodeDeadLetter, type DeadLetterCause } from "./message-codec.ts";
import { TenantCounts, type LogStateRecord } from "./log-state.ts";
import { segmentSizeFor, type Segment } from "./segment.ts";
import { SegmentLog } from "./segment-log.ts";
import type { SegmentLogOwner } from "./segment-log-owner.ts";
import type { DeadLetterLog as DeadLetters, SpooledMessage } from "./spooled.ts";

const SEGMENT_BYTES_MAX = 16 * 1024 * 1024;
const SEGMENTS_PER_BUDGET = 16;
/** How late a letter may go that became too old. */
const TRIM_EVERY_MS = 60 * 60 * 1000;

export interface DeadLetterSettings {
  readonly disk: Disk;
  readonly folder: string;
  readonly destination: string;
  /** Id of the log whose messages die here: with the message's number it tells where it stood. */
  readonly messagesLogId: string;
  readonly keepMs: number;
  readonly bytesMax: number;
  /** Size at which a new segment is begun; absent, it follows the budget. */
  readonly segmentBytesMax?: number;
  readonly onFinding: (finding: SpoolFinding) => void;
}

export class DeadLetterLog implements DeadLetters, SegmentLogOwner {
  /** Dead letters that age or the budget removed since the start. */
  removed = 0;
  readonly #settings: DeadLetterSettings;
  readonly #accepted = new TenantCounts();
  readonly #log: SegmentLog;
  /** Age goes on while nothing dies. */
  readonly #timer: NodeJS.Timeout;
  /** Trims follow one another. Never rejects: a segment that can't be removed is tried again with the next trim. */
  #trimming: Promise<void> = Promise.resolve();

  private constructor(settings: DeadLetterSettings, found: RecoveredLog) {
    const { disk, folder, destination, bytesMax } = settings;
    this.#settings = settings;
    this.#accepted.load(found.state.accepted);
    const segmentBytesMax = settings.segmentBytesMax ?? segmentSizeFor(bytesMax, SEGMENTS_PER_BUDGET, SEGMENT_BYTES_MAX);
    const onRewritten = (error: SidestreamError, path: string): void => settings.onFinding(rewritten(error, path));
    const identity = { id: found.logId, kind: "deadLetters", name: destination, flags: 0 } as const;
    this.#log = new SegmentLog({ disk, folder, log: identity, segmentBytesMax, onRewritten }, this, found);
    this.#timer = setInterval(() => void this.trim(Date.now()), TRIM_EVERY_MS);
    this.#timer.unref();
  }

  /** Opens the log's folder, making it when it is new, and removes what is too old. No file stays open when it fails. */
  static async open(settings: DeadLetterSettings): Promise<DeadLetterLog> {
    const { disk, folder } = settings;
    const found = await new LogRecovery({ disk, folder, kind: "deadLetters", writes: true }).run();
    for (const finding of found.findings) settings.onFinding(finding);
    for (const { from, to, path, reported } of found.lost) if (!reported) settings.onFinding(missingNumbers(path, from, to));
    const letters = new DeadLetterLog(settings, found);
    await letters.trim(Date.now());
    return letters;
  }

  get usedBytes(): number {
    return this.#log.usedBytes;
  }

  /** Messages in it that are on disk. */
  get messages(): number {
    let messages = 0;
    for (const segment of this.#log.segments) messages += segment.counts.total();
    return messages;
  }

  async add(message: SpooledMessage, code: string, reason: string): Promise<void> {
    this.#append({ code, reason, logSequence: message.logSequence }, message, message.sequence);
    await this.#log.flush();
  }

  /** Sets a message aside that can't be put into the log, since it has no topic; `flush` makes it last. */
  append(message: Message, code: string, reason: string): void {
    this.#append({ code, reason, logSequence: 0 }, message, 0);
  }

  /** Settles when all that was appended is on disk. */
  flush(): Promise<void> {
    return this.#log.flush();
  }

  /**
   * Removes segments that are wholly too old, the one that is written to among them, or over the budget. Runs by
   * itself at the opening, after writing and every hour.
   */
  trim(nowMs: number): Promise<void> {
    this.#trimming = this.#trimming.then(() => this.#trim(nowMs)).catch(() => undefined);
    return this.#trimming;
  }

  /** Writes what waits and lets the file go. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#trimming;
    await this.#log.close();
    // What was written last may have begun another trim.
    await this.#trimming;
  }

  state(): LogStateRecord {
    return { version: 1, sequences: {}, accepted: this.#accepted.table(), progress: {}, control: [] };
  }

  durableState(waiting: readonly FrameTag[]): LogStateRecord {
    for (const { stream, tenant } of waiting) this.#accepted.add(stream, tenant, -1);
    const state = this.state();
    for (const { stream, tenant } of waiting) this.#accepted.add(stream, tenant, 1);
    return state;
  }

  batchSealed(): void {}

  batchDurable(): void {
    const oldest = this.#log.segments[0];
    if (this.#log.usedBytes > this.#settings.bytesMax || (oldest !== undefined && this.#isOld(oldest, Date.now())))
      void this.trim(Date.now());
  }

  batchesFailed(tags: readonly FrameTag[]): void {
    for (const { stream, tenant } of tags) this.#accepted.add(stream, tenant, -1);
  }

  async #trim(nowMs: number): Promise<void> {
    for (const segment of [...this.#log.segments]) {
      const isOver = segment.sealed && this.#log.usedBytes > this.#settings.bytesMax;
      if (!isOver && !this.#isOld(segment, nowMs)) return;
      const messages = segment.counts.total();
      // Damaged or not: what is too old must go.
      await this.#log.drop(segment, "unlink");
      if (!this.#log.segments.includes(segment)) this.removed += messages;
    }
  }

  #isOld(segment: Segment, nowMs: number): boolean {
    return segment.newestMs > 0 && segment.newestMs + this.#settings.keepMs < nowMs;
  }

  #append(why: Pick<DeadLetterCause, "code" | "reason" | "logSequence">, message: Message, sequence: number): void {
    const { destination, messagesLogId, bytesMax } = this.#settings;
    const cause: DeadLetterCause = { ...why, deadMs: Date.now(), destination, logId: messagesLogId };
    const payload = encodeDeadLetter(cause, message, sequence);
    if (payload.length > bytesMax) {
      throw new SidestreamError("SST_SPOOL_FULL", `a dead letter of ${payload.length} bytes does not fit its log of ${bytesMax}`);
    }
    const tenant = this.#accepted.add(message.stream, message.tenant, 0);
    const tag: FrameTag = { stream: message.stream, tenant, lane: 0, acceptedMs: cause.deadMs, acknowledging: true, frameBytes: 0 };
    this.#log.append("dead", payload.length, (target, offset) => payload.copy(target, offset), tag);
    this.#accepted.add(message.stream, tenant, 1);
  }
}
