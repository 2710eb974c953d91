/**
 * Messages that a destination refused for good, with the reason: a log of their own, bounded in age and bytes.
 *
 * Promise: `add` settles after fdatasync. What is older than the limit, or over the budget, goes segment by segment,
 * the oldest first, and is counted.
 */
import { SidestreamError } from "../../errors.ts";
import type { Message } from "../message/message.ts";
import type { Disk } from "./disk.ts";
import { LogRecovery, type SpoolFinding } from "./recovery.ts";
import { encodeDeadLetter, type DeadLetterCause } from "./message-codec.ts";
import { TenantCounts, type LogStateRecord } from "./log-state.ts";
import { SegmentLog, type FrameTag, type SegmentLogOwner } from "./segment-log.ts";
import type { DeadLetterLog as DeadLetters, SpooledMessage } from "./spooled.ts";

const SEGMENT_BYTES_MAX = 16 * 1024 * 1024;
const SEGMENT_BYTES_MIN = 256 * 1024;
const SEGMENTS_PER_BUDGET = 16;

export interface DeadLetterSettings {
  readonly disk: Disk;
  readonly folder: string;
  readonly destination: string;
  readonly keepMs: number;
  readonly bytesMax: number;
  readonly onFinding: (finding: SpoolFinding) => void;
}

export class DeadLetterLog implements DeadLetters, SegmentLogOwner {
  /** Dead letters that age or the budget removed since the start. */
  removed = 0;
  readonly #settings: DeadLetterSettings;
  readonly #accepted = new TenantCounts();
  #log!: SegmentLog;
  #logId = "";
  #trimming: Promise<void> = Promise.resolve();

  private constructor(settings: DeadLetterSettings) {
    this.#settings = settings;
  }

  static async open(settings: DeadLetterSettings): Promise<DeadLetterLog> {
    const letters = new DeadLetterLog(settings);
    const found = await new LogRecovery(settings.disk, settings.folder, "deadLetters", true).run(() => undefined);
    for (const finding of found.findings) settings.onFinding(finding);
    letters.#logId = found.logId;
    letters.#accepted.load(found.state.accepted);
    const segmentBytesMax = Math.max(SEGMENT_BYTES_MIN, Math.min(SEGMENT_BYTES_MAX, Math.floor(settings.bytesMax / SEGMENTS_PER_BUDGET)));
    const identity = { id: found.logId, kind: "deadLetters", name: settings.destination } as const;
    letters.#log = new SegmentLog({ disk: settings.disk, folder: settings.folder, log: identity, segmentBytesMax }, letters, found);
    await letters.trim(Date.now());
    return letters;
  }

  get usedBytes(): number {
    return this.#log.usedBytes;
  }

  /** Messages in it, those in memory included. */
  get messages(): number {
    let messages = 0;
    for (const segment of this.#log.segments) messages += segment.counts.total();
    return messages;
  }

  async add(message: SpooledMessage, code: string, reason: string): Promise<void> {
    const { destination } = this.#settings;
    const cause: DeadLetterCause = { code, reason, deadMs: Date.now(), destination, logId: this.#logId, logSequence: message.logSequence };
    await this.#append(cause, message, message.sequence);
  }

  /** Sets a message aside that could not be put into the log: its topic could not be made, or its event had no owner. */
  async addUnspooled(message: Message, code: string, reason: string): Promise<void> {
    const { destination } = this.#settings;
    await this.#append({ code, reason, deadMs: Date.now(), destination, logId: this.#logId, logSequence: 0 }, message, 0);
  }

  /** Removes segments that are wholly too old or over the budget. */
  async trim(nowMs: number): Promise<void> {
    for (const segment of [...this.#log.segments]) {
      const isOld = segment.newestMs > 0 && segment.newestMs + this.#settings.keepMs < nowMs;
      if (!segment.sealed || (!isOld && this.#log.usedBytes <= this.#settings.bytesMax)) return;
      this.removed += segment.counts.total();
      await this.#log.drop(segment);
    }
  }

  close(): Promise<void> {
    return this.#log.close();
  }

  state(): LogStateRecord {
    return { version: 1, sequences: {}, accepted: this.#accepted.table(), progress: {}, control: [] };
  }

  batchSealed(): void {}

  batchDurable(): void {
    if (this.#log.usedBytes <= this.#settings.bytesMax) return;
    this.#trimming = this.#trimming.then(() => this.trim(Date.now())).catch(() => undefined);
  }

  batchesFailed(tags: readonly FrameTag[]): void {
    for (const { stream, tenant } of tags) this.#accepted.add(stream, tenant, -1);
  }

  async #append(cause: DeadLetterCause, message: Message, sequence: number): Promise<void> {
    const payload = encodeDeadLetter(cause, message, sequence);
    if (payload.length > this.#settings.bytesMax) {
      throw new SidestreamError("SST_SPOOL_FULL", `a dead letter of ${payload.length} bytes does not fit its log of ${this.#settings.bytesMax}`);
    }
    const tag: FrameTag = { stream: message.stream, tenant: this.#accepted.add(message.stream, message.tenant, 0), lane: 0, acceptedMs: cause.deadMs };
    this.#log.append("dead", payload.length, (target, offset) => payload.copy(target, offset), tag);
    this.#accepted.add(message.stream, tag.tenant, 1);
    await this.#log.flush();
  }
}
