/**
 * Counts what a log on disk holds of what somebody chose, by stream and tenant.
 *
 * Promise: read only, also while the program runs: then it is what was there when it was read.
 */
import { systemCode, type Disk } from "./disk.ts";
import { FRAME_TYPES, frameBytesOf, type LogKind } from "./format.ts";
import { streamOfLabel } from "../message/stream-label.ts";
import { lookAtLog } from "./log-look.ts";
import type { ReadProgress } from "./log-settings.ts";
import { decodeDeadLetter, decodeMessage, type DecodedMessage } from "./message-codec.ts";
import type { Segment } from "./segment.ts";
import { readSegment } from "./segment-content.ts";
import type { Frame } from "./segment-scan.ts";

/** More looks than this, and segments go faster than they can be read: those that are gone hold nothing that waits. */
const LOOKS_MAX = 5;

export interface CountSettings {
  readonly disk: Disk;
  /** The log's own. */
  readonly folder: string;
  readonly kind: LogKind;
  readonly isChosen: (message: DecodedMessage) => boolean;
  /** False where its counts tell that a segment holds nothing of it. */
  readonly mayHold: (segment: Segment) => boolean;
  readonly onProgress: (progress: ReadProgress) => void;
}

export interface Counted {
  readonly stream: string;
  readonly tenant: string;
  /** Messages that wait; of dead letters those that didn't leave. */
  messages: number;
  bytes: number;
  /** Messages that are done and still on the disk. */
  done: number;
  /** When the oldest of them was accepted, milliseconds since 1970. */
  oldestMs: number;
}

export interface MessageCount {
  readonly rows: readonly Counted[];
  /** Streams and tenants that the log ever took messages of, beyond a bound of tenants not all of them. */
  readonly known: { readonly streams: readonly string[]; readonly tenants: readonly string[] };
}

/** @throws SidestreamError as recovery does. */
export async function countMessages(settings: CountSettings): Promise<MessageCount> {
  for (let looks = 1; ; looks += 1) {
    const count = await countOnce(settings, looks === LOOKS_MAX);
    if (count !== null) return count;
  }
}

/** @returns Null where a segment went away, or became another one, meanwhile. */
async function countOnce(settings: CountSettings, isLast: boolean): Promise<MessageCount | null> {
  const { disk, folder, kind, isChosen, mayHold, onProgress } = settings;
  const { found, ranges } = await lookAtLog({ disk, folder, kind });
  const segments = found.segments.filter(mayHold);
  const bytesTotal = segments.reduce((sum, { bytes }) => sum + bytes, 0);
  const rows = new Map<string, Counted>();
  let bytesRead = 0;
  const visit = ({ type, sequence, payload }: Frame): void => {
    const message = type === FRAME_TYPES.dead ? decodeDeadLetter(payload).message : decodeMessage(payload, sequence);
    if (!isChosen(message)) return;
    const row = rowOf(rows, message);
    if (ranges.has(sequence)) row.done += 1;
    else {
      row.messages += 1;
      row.bytes += frameBytesOf(payload);
      row.oldestMs = Math.min(row.oldestMs, message.acceptedMs);
    }
  };
  for (const segment of segments) {
    try {
      await readSegment(disk, segment, { visit, onRead: (bytes) => onProgress({ bytesRead: bytesRead + bytes, bytesTotal }) });
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw error;
      if (!isLast) return null;
    }
    bytesRead += segment.bytes;
    onProgress({ bytesRead, bytesTotal });
  }
  const { accepted } = found.state;
  const tenants = new Set(Object.values(accepted).flatMap((row) => Object.keys(row)));
  return { rows: [...rows.values()], known: { streams: Object.keys(accepted).map(streamOfLabel), tenants: [...tenants] } };
}

function rowOf(rows: Map<string, Counted>, { stream: label, tenant }: DecodedMessage): Counted {
  const stream = streamOfLabel(label);
  const key = JSON.stringify([stream, tenant]);
  let row = rows.get(key);
  if (row === undefined) rows.set(key, (row = { stream, tenant, messages: 0, bytes: 0, done: 0, oldestMs: Infinity }));
  return row;
}
