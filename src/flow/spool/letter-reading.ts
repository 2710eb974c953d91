/**
 * Reads dead letters in order, from the segments of a log that is open.
 *
 * Promise: only what is on disk is read, in bounded memory. What can't be read any more is told and stepped over.
 */
import { systemCode, type Disk, type DiskFile } from "./disk.ts";
import { FRAME_TYPES } from "./format.ts";
import type { NumberRange } from "./confirmed-ranges.ts";
import { decodeDeadLetter, type DeadLetterCause, type DecodedMessage } from "./message-codec.ts";
import type { Segment } from "./segment.ts";
import { firstPosition, scanFrames, type Frame } from "./segment-scan.ts";

export interface DeadLetter {
  /** In the dead letters' log. */
  readonly number: number;
  readonly cause: DeadLetterCause;
  readonly message: DecodedMessage;
}

export interface LetterSource {
  readonly disk: Disk;
  /** As they stand now. */
  readonly segments: () => readonly Segment[];
  /** Letters that left are stepped over. */
  readonly isDone: (number: number) => boolean;
  readonly onDamage: (path: string, offset: number, bytes: number, lost: NumberRange) => void;
}

const READ_BYTES = 1024 * 1024;

/** @param to - Letters at or above it are left out. */
export async function* readLetters(source: LetterSource, from: number, to: number): AsyncGenerator<readonly DeadLetter[]> {
  for (const segment of [...source.segments()]) {
    if (segment.nextSequence <= from || segment.header.baseSequence >= to) continue;
    const file = await openThere(source, segment);
    if (file === null) continue;
    try {
      yield* readSegment(source, segment, file, from, to);
    } finally {
      await file.close();
    }
  }
}

async function openThere({ disk, segments }: LetterSource, segment: Segment): Promise<DiskFile | null> {
  try {
    return await disk.open(segment.path, "read");
  } catch (error) {
    // It became too old meanwhile.
    if (systemCode(error) === "ENOENT" && !segments().includes(segment)) return null;
    throw error;
  }
}

async function* readSegment(
  { isDone, onDamage }: LetterSource,
  segment: Segment,
  file: DiskFile,
  from: number,
  to: number,
): AsyncGenerator<readonly DeadLetter[]> {
  // Of the same moment: what comes in between is not read.
  const { bytes, nextSequence, path, header } = segment;
  const end = Math.min(to, nextSequence);
  const position = firstPosition(header);
  const isWanted = ({ type, sequence }: Frame): boolean =>
    type === FRAME_TYPES.dead && sequence >= from && sequence < end && !isDone(sequence);
  for (let ended = false; !ended && position.sequence < end;) {
    const result = await scanFrames(file, header.salt, position, bytes, READ_BYTES);
    for (const { offset, bytes: holeBytes, sequence, framesLost } of result.holes)
      if (sequence < nextSequence) onDamage(path, offset, holeBytes, [sequence, sequence + framesLost]);
    ended = result.ended;
    const letters = result.frames.filter(isWanted).map(({ sequence, payload }) => ({ number: sequence, ...decodeDeadLetter(payload) }));
    if (letters.length > 0) yield letters;
  }
}
