/**
 * Looks at a spool on disk without changing it: `sidestream spool inspect` and `sidestream spool fsck`.
 *
 * Promise: read only. A deep look reads every byte of every segment and names each place that is not as it should be.
 * A running program may go on meanwhile: segments that it frees are left out, and what it writes is seen as far as it is.
 */
import { join } from "node:path";
import { isSidestreamError } from "../../errors.ts";
import type { ConfirmedRanges } from "./confirmed-ranges.ts";
import { ControlRecords } from "./control-records.ts";
import { systemCode, type Disk } from "./disk.ts";
import { lettersIn } from "./done-letters.ts";
import { damageText, type SpoolFinding } from "./findings.ts";
import { DEAD_FOLDER, isLogFolder, SPOOL_FOLDER } from "./folders.ts";
import type { LogKind } from "./format.ts";
import { finding, lookAtLog, type LogLook } from "./log-look.ts";
import type { ReadProgress } from "./log-settings.ts";
import type { TenantCounts } from "./log-state.ts";
import { readContent, type SegmentContent } from "./segment-content.ts";
import type { Segment } from "./segment.ts";

/**
 * What is read: headers, summaries, open segments, and segments of which a part is done, so that what waits is counted
 * (`counts`); the same, and what is damaged in them is told (`waiting`); or every frame. A program that runs may use a
 * segment's file again while it is read, which looks like damage.
 */
export type InspectReads = "counts" | "waiting" | "everything";

/** Where an inspection is, and how far it has read there. */
export interface InspectProgress extends ReadProgress {
  /** The log's folder in the data folder. */
  readonly log: string;
}

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
  /** Null when no segment can be read. */
  readonly logId: string | null;
  readonly segments: readonly SegmentReport[];
  readonly bytes: number;
  readonly messages: number;
  /** Messages not confirmed; null for dead letters, which have no cursor, and where nothing can be told. */
  readonly pending: number | null;
  readonly lowWater: number | null;
  readonly nextSequence: number;
  /** What the destination's driver keeps in the log, by count. */
  readonly records: number;
  /** Messages that are out of their lanes' numbers and not confirmed yet. */
  readonly skips: number;
  readonly findings: readonly SpoolFinding[];
}

export interface InspectSettings {
  readonly disk: Disk;
  readonly dataFolder: string;
  readonly reads: InspectReads;
  readonly onProgress: (progress: InspectProgress) => void;
}

const PARENTS = { messages: SPOOL_FOLDER, deadLetters: DEAD_FOLDER } as const satisfies Record<LogKind, string>;
const KINDS: readonly LogKind[] = ["messages", "deadLetters"];

/**
 * Reports every log of a data folder.
 *
 * @param deep - Read every frame of every segment, not only what tells how much there is and how much waits.
 * @throws SidestreamError `SST_SPOOL_VERSION` for a newer format, `SST_SPOOL_IO`.
 */
export async function inspectSpool(
  disk: Disk,
  dataFolder: string,
  deep: boolean,
  onProgress: (progress: InspectProgress) => void,
): Promise<readonly LogReport[]> {
  const settings: InspectSettings = { disk, dataFolder, reads: deep ? "everything" : "counts", onProgress };
  const reports: LogReport[] = [];
  for (const kind of KINDS) {
    const folder = join(dataFolder, PARENTS[kind]);
    if (!(await disk.exists(folder))) continue;
    const names = (await disk.listFolders(folder)).filter(isLogFolder);
    for (const name of names.toSorted()) reports.push(await inspectLog(settings, kind, name));
  }
  return reports;
}

/** Reports the messages and the dead letters of one name, as far as they are there. As `inspectSpool`. */
export async function inspectNamed(settings: InspectSettings, name: string): Promise<readonly LogReport[]> {
  const reports: LogReport[] = [];
  for (const kind of KINDS) {
    const isThere = await settings.disk.exists(join(settings.dataFolder, PARENTS[kind], name));
    if (isThere) reports.push(await inspectLog(settings, kind, name));
  }
  return reports;
}

async function inspectLog(settings: InspectSettings, kind: LogKind, name: string): Promise<LogReport> {
  const { disk, dataFolder, reads } = settings;
  const log = join(PARENTS[kind], name);
  const folder = join(dataFolder, log);
  const about = { kind, name, folder };
  const onProgress = (progress: ReadProgress): void => settings.onProgress({ log, ...progress });
  onProgress({ bytesRead: 0, bytesTotal: 0 });
  let look: LogLook;
  try {
    look = await lookAtLog({ disk, folder, kind, onProgress });
  } catch (error) {
    if (!isSidestreamError(error) || error.code !== "SST_SPOOL_DAMAGED") throw error;
    return { ...about, ...NOTHING_KNOWN, findings: [finding("mixed-up-folder", folder, 0, 0, 0, error.message)] };
  }
  const { found, slots, ranges } = look;
  const control = new ControlRecords(found.state.control);
  control.forgetSkips((sequence) => ranges.has(sequence));
  const content = await readSegments(disk, look, reads, onProgress);
  return {
    ...about,
    findings: [...look.findings, ...(reads === "counts" ? [] : content.findings)],
    logId: found.segments.length === 0 ? null : found.logId,
    segments: found.segments.map((segment) => reportOf(segment, kind, ranges)),
    bytes: found.segments.reduce((sum, { bytes }) => sum + bytes, 0),
    messages: found.segments.reduce((sum, segment) => sum + messagesIn(segment, kind, ranges), 0),
    pending: slots === null ? null : content.pending,
    lowWater: slots === null ? null : ranges.lowWater,
    nextSequence: found.nextSequence,
    records: control.size - control.skips,
    skips: control.skips,
  };
}

const NOTHING_KNOWN = {
  logId: null,
  segments: [],
  bytes: 0,
  messages: 0,
  pending: null,
  lowWater: null,
  nextSequence: 1,
  records: 0,
  skips: 0,
} satisfies Partial<LogReport>;

/** Reads what summaries don't tell, or all of it, and counts what is not confirmed. */
async function readSegments(
  disk: Disk,
  { found, slots, ranges }: LogLook,
  reads: InspectReads,
  onProgress: (progress: ReadProgress) => void,
): Promise<{ readonly pending: number; readonly findings: readonly SpoolFinding[] }> {
  const findings: SpoolFinding[] = [];
  const isRead = ({ header, nextSequence }: Segment): boolean =>
    reads === "everything" || (slots !== null && nextSequence > ranges.lowWater && header.baseSequence < ranges.end);
  const bytesTotal = found.segments.filter(isRead).reduce((sum, { bytes }) => sum + bytes, 0);
  let bytesRead = 0;
  let pending = 0;
  for (const segment of found.segments) {
    if (!isRead(segment)) {
      if (segment.nextSequence > ranges.lowWater) pending += segment.counts.total();
      continue;
    }
    pending += await checkSegment(disk, segment, ranges, findings, (bytes) => onProgress({ bytesRead: bytesRead + bytes, bytesTotal }));
    bytesRead += segment.bytes;
    onProgress({ bytesRead, bytesTotal });
  }
  return { pending, findings };
}

function reportOf(segment: Segment, kind: LogKind, ranges: ConfirmedRanges): SegmentReport {
  const { header, path, nextSequence, bytes, sealed } = segment;
  const messages = messagesIn(segment, kind, ranges);
  return { file: path, number: header.number, firstSequence: header.baseSequence, nextSequence, bytes, sealed, messages };
}

/** Dead letters that were redriven or purged are none any more. */
function messagesIn(segment: Segment, kind: LogKind, ranges: ConfirmedRanges): number {
  return kind === "messages" ? segment.counts.total() : lettersIn(segment, ranges);
}

/** Reads every frame of a segment, holds it against its summary, and returns its unconfirmed messages. */
async function checkSegment(
  disk: Disk,
  segment: Segment,
  ranges: ConfirmedRanges,
  findings: SpoolFinding[],
  onRead: (bytes: number) => void,
): Promise<number> {
  let content: SegmentContent;
  try {
    content = await readContent(
      disk,
      segment,
      (sequence) => !ranges.has(sequence),
      (_, tenant) => tenant,
      onRead,
    );
  } catch (error) {
    if (systemCode(error) === "ENOENT") return 0;
    throw error;
  }
  for (const { from, to, offset, bytes } of segment.damaged ? [] : content.missing) {
    findings.push(finding("damage", segment.path, offset, bytes, to - from, damageText(bytes, from, to)));
  }
  // What is missing says by itself why the summary counts more.
  if (content.missing.length === 0) findings.push(...mismatches(segment, content.readable));
  return content.wanted.total();
}

function mismatches(segment: Segment, readable: TenantCounts): SpoolFinding[] {
  const found: SpoolFinding[] = [];
  const summary = perStream(segment.counts);
  const held = perStream(readable);
  for (const stream of new Set([...summary.keys(), ...held.keys()])) {
    const told = summary.get(stream) ?? 0;
    const has = held.get(stream) ?? 0;
    if (told === has) continue;
    found.push(
      finding(
        "summary-mismatch",
        segment.path,
        0,
        0,
        0,
        `the summary counts ${told} messages of stream ${stream}, the segment holds ${has}`,
      ),
    );
  }
  return found;
}

function perStream(counts: TenantCounts): Map<string, number> {
  const row = (tenants: Record<string, number>): number => Object.values(tenants).reduce((sum, count) => sum + count, 0);
  return new Map(Object.entries(counts.table()).map(([stream, tenants]) => [stream, row(tenants)]));
}
