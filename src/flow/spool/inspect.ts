/**
 * Looks at a spool on disk without changing it: `sidestream spool inspect` and `sidestream spool fsck`.
 *
 * Promise: read only. A deep look reads every byte of every segment and names each place that is not as it should be.
 * A running program may go on meanwhile: segments that it frees are left out, and what it writes is seen as far as it is.
 */
import { join } from "node:path";
import { isSidestreamError } from "../../errors.ts";
import { ConfirmedRanges } from "./confirmed-ranges.ts";
import { ControlRecords } from "./control-records.ts";
import { newestSlot, readSlots, type SlotState } from "./cursor.ts";
import { systemCode, type Disk } from "./disk.ts";
import { cursorFinding, damageText, missingNumbers, type FindingKind, type SpoolFinding } from "./findings.ts";
import type { LogKind } from "./format.ts";
import type { TenantCounts } from "./log-state.ts";
import { LogRecovery, type RecoveredLog } from "./recovery.ts";
import { readContent, type SegmentContent } from "./segment-content.ts";
import { isDamagedFile, type Segment } from "./segment.ts";
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
  /** Null when no segment can be read. */
  readonly logId: string | null;
  readonly segments: readonly SegmentReport[];
  readonly bytes: number;
  readonly messages: number;
  /** Messages not confirmed; null for dead letters, which have no cursor, and where not every frame was read. */
  readonly pending: number | null;
  readonly lowWater: number | null;
  readonly nextSequence: number;
  /** What the destination's driver keeps in the log, by count. */
  readonly records: number;
  /** Messages that are out of their lanes' numbers and not confirmed yet. */
  readonly skips: number;
  readonly findings: readonly SpoolFinding[];
}

/**
 * Reports every log of a data folder.
 *
 * @param deep - Read every frame of every segment, not only summaries and open segments.
 * @throws SidestreamError `SST_SPOOL_VERSION` for a newer format, `SST_SPOOL_IO`.
 */
export async function inspectSpool(
  disk: Disk,
  dataFolder: string,
  deep: boolean,
  onProgress: (text: string) => void,
): Promise<readonly LogReport[]> {
  const reports: LogReport[] = [];
  for (const [kind, parent] of [
    ["messages", SPOOL_FOLDER],
    ["deadLetters", DEAD_FOLDER],
  ] as const) {
    const folder = join(dataFolder, parent);
    if (!(await disk.exists(folder))) continue;
    for (const name of [...(await disk.listFolders(folder))].toSorted()) {
      onProgress(`reading ${join(parent, name)}`);
      reports.push(await inspectLog(disk, join(folder, name), kind, name, deep));
    }
  }
  return reports;
}

async function inspectLog(disk: Disk, folder: string, kind: LogKind, name: string, deep: boolean): Promise<LogReport> {
  // What a running program confirms meanwhile must not look like numbers that the log never had.
  const slotsBefore = kind === "messages" ? await readSlots(disk, folder) : null;
  let found: RecoveredLog;
  try {
    found = await new LogRecovery(disk, folder, kind, false).run();
  } catch (error) {
    if (!isSidestreamError(error) || error.code !== "SST_SPOOL_DAMAGED") throw error;
    const findings = [finding("mixed-up-folder", folder, 0, 0, 0, error.message)];
    return {
      kind,
      name,
      folder,
      logId: null,
      segments: [],
      bytes: 0,
      messages: 0,
      pending: null,
      lowWater: null,
      nextSequence: 1,
      records: 0,
      skips: 0,
      findings,
    };
  }
  const slots = kind === "messages" ? await readSlots(disk, folder) : null;
  const ranges = rangesOf(slots);
  const findings = [
    ...found.findings,
    ...foundAside(await disk.list(folder), folder),
    ...gaps(found, ranges),
    ...cursorFindings(folder, found, slots, ranges, rangesOf(slotsBefore).end),
  ];
  const control = new ControlRecords(found.state.control);
  control.forgetSkips((sequence) => ranges.has(sequence));
  let unconfirmed = 0;
  if (deep) for (const segment of found.segments) unconfirmed += await checkSegment(disk, segment, ranges, findings);
  return {
    kind,
    name,
    folder,
    findings,
    logId: found.segments.length === 0 ? null : found.logId,
    segments: found.segments.map(reportOf),
    bytes: found.segments.reduce((sum, { bytes }) => sum + bytes, 0),
    messages: found.segments.reduce((sum, { counts }) => sum + counts.total(), 0),
    pending: deep && slots !== null ? unconfirmed : null,
    lowWater: slots === null ? null : ranges.lowWater,
    nextSequence: found.nextSequence,
    records: control.size - control.skips,
    skips: control.skips,
  };
}

function reportOf({ header, path, nextSequence, bytes, sealed, counts }: Segment): SegmentReport {
  return { file: path, number: header.number, firstSequence: header.baseSequence, nextSequence, bytes, sealed, messages: counts.total() };
}

function rangesOf(slots: readonly SlotState[] | null): ConfirmedRanges {
  const { lowWater, ranges } = newestSlot(slots ?? []).record;
  return new ConfirmedRanges(lowWater, ranges);
}

/** Reads every frame of a segment, holds it against its summary, and returns its unconfirmed messages. */
async function checkSegment(disk: Disk, segment: Segment, ranges: ConfirmedRanges, findings: SpoolFinding[]): Promise<number> {
  let content: SegmentContent;
  try {
    content = await readContent(
      disk,
      segment,
      (sequence) => !ranges.has(sequence),
      (_, tenant) => tenant,
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

function gaps(found: RecoveredLog, ranges: ConfirmedRanges): SpoolFinding[] {
  const lost = found.lost.filter(({ from, to, reported }) => !reported && ranges.countMissing(from, to) > 0);
  return lost.map(({ from, to, path }) => missingNumbers(path, from, to));
}

function foundAside(names: readonly string[], folder: string): SpoolFinding[] {
  const text = "set aside after earlier damage; remove it once nobody wants to look at it";
  return names
    .filter(isDamagedFile)
    .toSorted()
    .map((name) => finding("set-aside", join(folder, name), 0, 0, 0, text));
}

function cursorFindings(
  folder: string,
  found: RecoveredLog,
  slots: readonly SlotState[] | null,
  ranges: ConfirmedRanges,
  confirmedEnd: number,
): SpoolFinding[] {
  if (slots === null) return [];
  const findings: SpoolFinding[] = [];
  const first = found.segments[0]?.header.baseSequence ?? found.nextSequence;
  const about = cursorFinding(folder, slots, ranges.lowWater, first, found.segments.length === 0);
  if (about !== null) findings.push(about);
  if (confirmedEnd > found.nextSequence) {
    const text = `the cursor knows number ${confirmedEnd - 1}, the log ends before ${found.nextSequence}: numbers that were used are gone`;
    findings.push(finding("cursor-ahead", folder, 0, 0, confirmedEnd - found.nextSequence, text));
  }
  if (!found.stateKnown)
    findings.push(finding("state-lost", folder, 0, 0, 0, "the state of the log is damaged: which numbers were used is not known"));
  return findings;
}

function finding(kind: FindingKind, path: string, offset: number, bytes: number, framesLost: number, text: string): SpoolFinding {
  return { kind, path, offset, bytes, framesLost, text };
}
