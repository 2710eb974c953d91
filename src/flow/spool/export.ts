/**
 * Writes out the messages of a log on disk, one JSON object a line.
 *
 * Promise: read only, in order, in bounded memory, and no faster than they are taken. A running program may go on: what
 * is written out is what was there when it was read, and where the program frees or rewrites a segment meanwhile, the
 * log is looked at anew. What can't be read is told and stepped over.
 */
import { isSidestreamError } from "../../errors.ts";
import type { ConfirmedRanges } from "./confirmed-ranges.ts";
import { systemCode, type Disk } from "./disk.ts";
import { damageText, type SpoolFinding } from "./findings.ts";
import { FRAME_TYPES, type LogKind } from "./format.ts";
import { finding, lookAtLog, type LogLook } from "./log-look.ts";
import type { ReadProgress } from "./log-settings.ts";
import { decodeDeadLetter, decodeMessage, type DecodedMessage } from "./message-codec.ts";
import type { Segment } from "./segment.ts";
import { readSegment, type MissingFrames } from "./segment-content.ts";
import type { Frame } from "./segment-scan.ts";

/** More looks than this, and segments go faster than they can be read: those that are gone are left out. */
const LOOKS_MAX = 100;

const LINES_PER_WRITE = 32;

export interface ExportSettings {
  readonly disk: Disk;
  /** The log's own. */
  readonly folder: string;
  readonly kind: LogKind;
  /** Leave out messages that are done. Dead letters that left are never written out. */
  readonly pendingOnly: boolean;
  /** What is written of a message; empty: nothing. Absent: all of it, as JSON. */
  readonly print?: (read: ReadMessage) => string;
  /** Takes whole lines. @returns False when nobody reads them any more. */
  readonly write: (lines: string) => Promise<boolean>;
  readonly onFinding: (finding: SpoolFinding) => void;
  readonly onProgress: (progress: ReadProgress) => void;
}

export interface ReadMessage {
  readonly frame: Frame;
  readonly logId: string;
  /** Null for a dead letter. */
  readonly done: boolean | null;
}

/** Nobody reads what is written out. */
class ReaderGone extends Error {}

/**
 * Writes out every message that can be read, until nobody takes them any more.
 *
 * @throws SidestreamError `SST_SPOOL_VERSION`, `SST_SPOOL_DAMAGED` when the folder is a mix of logs, `SST_SPOOL_IO`.
 */
export async function exportLog(settings: ExportSettings): Promise<void> {
  try {
    await new LogExport(settings).run();
  } catch (error) {
    if (!(error instanceof ReaderGone)) throw error;
  }
}

class LogExport {
  readonly #settings: ExportSettings;
  readonly #told = new Set<string>();
  /** Read and not written out yet. */
  #read: ReadMessage[] = [];
  /** Everything below it was written out, or is missing. */
  #next = 0;
  /** Read in segments that are through. */
  #bytesRead = 0;
  #looks = 0;

  constructor(settings: ExportSettings) {
    this.#settings = settings;
  }

  async run(): Promise<void> {
    const { disk, folder, kind } = this.#settings;
    let isWhole = false;
    while (!isWhole) {
      this.#looks += 1;
      const look = await lookAtLog({ disk, folder, kind });
      for (const found of look.findings) this.#tell(found);
      isWhole = await this.#exportAll(look);
    }
    await this.#write();
  }

  /** @returns False when a segment went away, or became another one, and the log is to be looked at anew. */
  async #exportAll({ found, ranges }: LogLook): Promise<boolean> {
    const segments = found.segments.filter((segment) => this.#isWanted(segment, ranges));
    const bytesTotal = this.#bytesRead + segments.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const segment of segments) {
      const isThere = await this.#exportSegment(segment, ranges, bytesTotal);
      if (!isThere && this.#looks < LOOKS_MAX) return false;
      this.#next = segment.nextSequence;
      this.#bytesRead += segment.bytes;
      this.#settings.onProgress({ bytesRead: this.#bytesRead, bytesTotal });
    }
    return true;
  }

  #isWanted({ header, nextSequence }: Segment, ranges: ConfirmedRanges): boolean {
    if (nextSequence <= this.#next) return false;
    return !this.#leavesDone || ranges.countMissing(header.baseSequence, nextSequence) > 0;
  }

  /** Of dead letters, those that left. */
  get #leavesDone(): boolean {
    return this.#settings.pendingOnly || this.#settings.kind === "deadLetters";
  }

  /** @returns False when it isn't there any more; what was read of it before is written out. */
  async #exportSegment(segment: Segment, ranges: ConfirmedRanges, bytesTotal: number): Promise<boolean> {
    const { disk, onProgress } = this.#settings;
    let missing: readonly MissingFrames[];
    try {
      missing = await readSegment(disk, segment, {
        visit: (frame) => this.#take(frame, segment, ranges),
        between: () => this.#write(),
        onRead: (bytes) => onProgress({ bytesRead: this.#bytesRead + bytes, bytesTotal }),
      });
    } catch (error) {
      if (systemCode(error) === "ENOENT") return false;
      if (!isSidestreamError(error) || error.code !== "SST_SPOOL_IO") throw error;
      // A disk that fails here may still give the next segment.
      this.#tell(finding("damage", segment.path, 0, 0, 0, `the rest of it can't be read: ${error.message}`));
      return true;
    }
    // Otherwise the look told it.
    if (!segment.damaged)
      for (const { from, to, offset, bytes } of missing)
        this.#tell(finding("damage", segment.path, offset, bytes, to - from, damageText(bytes, from, to)));
    return true;
  }

  #take(frame: Frame, { header }: Segment, ranges: ConfirmedRanges): void {
    const { sequence } = frame;
    // Written out before the log was looked at anew.
    if (sequence < this.#next) return;
    this.#next = sequence + 1;
    const done = ranges.has(sequence);
    if (done && this.#leavesDone) return;
    this.#read.push({ frame, logId: header.logId, done: header.kind === "messages" ? done : null });
  }

  /** In pieces: texts that live shortly take no room for long. */
  async #write(): Promise<void> {
    const { print = lineOf, write } = this.#settings;
    const read = this.#read;
    this.#read = [];
    for (let from = 0; from < read.length; from += LINES_PER_WRITE) {
      const lines = read
        .slice(from, from + LINES_PER_WRITE)
        .map(print)
        .join("");
      if (lines !== "" && !(await write(lines))) throw new ReaderGone();
    }
  }

  /** Once, however often the log is looked at. */
  #tell(found: SpoolFinding): void {
    const key = JSON.stringify(found);
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#settings.onFinding(found);
  }
}

function lineOf(read: ReadMessage): string {
  return `${JSON.stringify(asObject(read))}\n`;
}

/** A message or a dead letter, as docs/cli.md lists it. */
export function asObject({ frame: { type, sequence, payload }, logId, done }: ReadMessage): Record<string, unknown> {
  const letter = type === FRAME_TYPES.dead ? decodeDeadLetter(payload) : null;
  const message = letter?.message ?? decodeMessage(payload, sequence);
  const dead = letter === null ? {} : { dead: letter.cause };
  return { number: sequence, logId, done, ...told(message), ...dead };
}

function told(message: DecodedMessage): Record<string, unknown> {
  const { sequence, stream, topic, key, tenant, source, sourcePosition, eventId, rule, revision, lane, acceptedMs, exactlyOnce } = message;
  const { headers, value } = message;
  const base64 = value.toString("base64");
  return {
    sequence,
    stream,
    topic,
    key,
    tenant,
    source,
    sourcePosition,
    eventId,
    rule,
    revision,
    lane,
    acceptedMs,
    exactlyOnce,
    headers,
    value: base64,
  };
}
