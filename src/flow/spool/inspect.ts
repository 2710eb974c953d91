/**
 * Looks at a spool on disk without changing it: `sidestream spool inspect` and `sidestream spool fsck`.
 *
 * Promise: read only. `fsck` reads every byte of every segment and names each place that is not as it should be.
 */
import { join } from "node:path";
import { readCursor, type CursorRecord } from "./cursor.ts";
import type { Disk } from "./disk.ts";
import { DATA_OFFSET, FRAME_TYPES, type LogKind } from "./format.ts";
import { ConfirmedRanges } from "./confirmed-ranges.ts";
import { LogRecovery, type SpoolFinding } from "./recovery.ts";
import { readSummary, type Segment } from "./segment.ts";
import { scanFrames } from "./segment-scan.ts";
import { DEAD_FOLDER, SPOOL_FOLDER } from "./spool.ts";

export interface SegmentReport {
  readonly file: string;
  readonly number: number;
  readonly firstSequence: number;
  readonly nextSequence: number;
  readonly bytes: number;
  readonly messages: number;
  readonly sealed: boolean;
}

export interface LogReport {
  readonly kind: LogKind;
  readonly name: string;
  readonly folder: string;
  readonly logId: string;
  readonly segments: readonly SegmentReport[];
  readonly messages: number;
  /** Messages not confirmed; null for dead letters, which have no cursor, and where not every frame was read. */
  readonly pending: number | null;
  readonly lowWater: number | null;
  readonly nextSequence: number;
  readonly findings: readonly SpoolFinding[];
}

/**
 * Reports every log of a data folder.
 *
 * @param deep - Read every frame of every segment, not only summaries and open segments.
 */
export async function inspectSpool(disk: Disk, dataFolder: string, deep: boolean, onProgress: (text: string) => void): Promise<readonly LogReport[]> {
  const reports: LogReport[] = [];
  for (const [kind, parent] of [["messages", SPOOL_FOLDER], ["deadLetters", DEAD_FOLDER]] as const) {
    const folder = join(dataFolder, parent);
    if (!(await disk.exists(folder))) continue;
    for (const name of (await disk.list(folder)).toSorted()) {
      onProgress(`reading ${join(parent, name)}`);
      reports.push(await inspectLog(disk, join(folder, name), kind, name, deep));
    }
  }
  return reports;
}

async function inspectLog(disk: Disk, folder: string, kind: LogKind, name: string, deep: boolean): Promise<LogReport> {
  const found = await new LogRecovery(disk, folder, kind, false).run(() => undefined);
  const cursor = kind === "messages" ? (await readCursor(disk, folder)).record : null;
  const findings = [...found.findings, ...gaps(found.segments), ...cursorFindings(cursor, found.nextSequence, folder)];
  let pending: number | null = null;
  if (deep) {
    const ranges = new ConfirmedRanges(cursor?.lowWater ?? 1, cursor?.ranges ?? []);
    let unconfirmed = 0;
    for (const segment of found.segments) unconfirmed += await checkSegment(disk, segment, ranges, findings);
    if (cursor !== null) pending = unconfirmed;
  }
  return {
    kind, name, folder, findings, pending,
    logId: found.logId,
    segments: found.segments.map(reportOf),
    messages: found.segments.reduce((sum, segment) => sum + segment.counts.total(), 0),
    lowWater: cursor?.lowWater ?? null,
    nextSequence: found.nextSequence,
  };
}

function reportOf(segment: Segment): SegmentReport {
  const { header, path, nextSequence, bytes, sealed, counts } = segment;
  return { file: path, number: header.number, firstSequence: header.baseSequence, nextSequence, bytes, sealed, messages: counts.total() };
}

/** Reads every frame of a sealed segment, holds it against its summary, and returns its unconfirmed messages. */
async function checkSegment(disk: Disk, segment: Segment, ranges: ConfirmedRanges, findings: SpoolFinding[]): Promise<number> {
  const file = await disk.open(segment.path, "read");
  const position = { offset: DATA_OFFSET, framesLeft: 0, sequence: segment.header.baseSequence };
  let messages = 0;
  let unconfirmed = 0;
  try {
    const summary = await readSummary(file, segment.header.salt, segment.bytes);
    for (;;) {
      const { frames, holes, ended } = await scanFrames(file, segment.header.salt, position, segment.bytes, 4 * 1024 * 1024);
      for (const hole of holes) {
        if (segment.sealed) findings.push(finding("damage", segment, hole.offset, hole.bytes, hole.framesLost, `${hole.bytes} bytes can't be read; ${hole.framesLost} frames lost`));
      }
      for (const frame of frames) {
        if (frame.type !== FRAME_TYPES.message && frame.type !== FRAME_TYPES.dead) continue;
        messages += 1;
        if (!ranges.has(frame.sequence)) unconfirmed += 1;
      }
      if (ended) break;
    }
    if (summary !== null && summary.messages !== messages) {
      findings.push(finding("missing-numbers", segment, 0, 0, summary.messages - messages, `the summary counts ${summary.messages} messages, the segment holds ${messages}`));
    }
    return unconfirmed;
  } finally {
    await file.close();
  }
}

function gaps(segments: readonly Segment[]): SpoolFinding[] {
  const found: SpoolFinding[] = [];
  for (const [index, segment] of segments.entries()) {
    const before = segments[index - 1];
    if (before === undefined || before.nextSequence === segment.header.baseSequence) continue;
    const lost = segment.header.baseSequence - before.nextSequence;
    found.push(finding("missing-numbers", segment, 0, 0, Math.max(0, lost), `begins at ${segment.header.baseSequence}, but the segment before it ends at ${before.nextSequence}`));
  }
  return found;
}

function cursorFindings(cursor: CursorRecord | null, nextSequence: number, folder: string): SpoolFinding[] {
  const end = cursor?.ranges.at(-1)?.[1] ?? cursor?.lowWater ?? 1;
  if (end <= nextSequence) return [];
  const text = `the cursor knows number ${end - 1}, the log ends at ${nextSequence}: numbers that were used are gone`;
  return [{ kind: "missing-numbers", path: folder, offset: 0, bytes: 0, framesLost: end - nextSequence, text }];
}

function finding(kind: SpoolFinding["kind"], segment: Segment, offset: number, bytes: number, framesLost: number, text: string): SpoolFinding {
  return { kind, path: segment.path, offset, bytes, framesLost, text };
}
