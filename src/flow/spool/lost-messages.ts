/**
 * What a log should hold and doesn't: messages that damage took, and outcomes that a lost cursor knew.
 *
 * Promise: a message that was accepted and can't be read any more is counted as dropped, once, so that the counts of a
 * log add up again. What is booked never exceeds the numbers that are known to be gone, so it can't hide a fault.
 */
import { takeCompacted } from "./compacted-numbers.ts";
import type { Cursor } from "./cursor.ts";
import type { Disk } from "./disk.ts";
import type { Doubt } from "./doubt.ts";
import { cursorFinding, damageText, missingNumbers, type SpoolFinding } from "./findings.ts";
import { TenantCounts, type StreamTable } from "./log-state.ts";
import type { Outcomes, OutcomeTable } from "./outcome-counts.ts";
import type { PendingMessages } from "./pending-messages.ts";
import type { RecoveredLog } from "./recovered-log.ts";
import type { Segment } from "./segment.ts";
import { readContent } from "./segment-content.ts";
import type { Hole } from "./segment-scan.ts";

/** Why a lost message counts as dropped. */
const REASON_DAMAGED = "damaged";
/** The message left the log, but the cursor that knew how is gone. */
const REASON_CURSOR_LOST = "cursor-lost";

export interface LostMessagesParts {
  readonly disk: Disk;
  readonly folder: string;
  readonly cursor: Cursor;
  readonly accepted: TenantCounts;
  readonly pending: PendingMessages;
  readonly doubt: Doubt;
  readonly onFinding: (finding: SpoolFinding) => void;
}

interface LostCount {
  readonly stream: string;
  readonly tenant: string;
  readonly count: number;
}

export class LostMessages {
  /** Messages found lost to damage since the start. */
  messages = 0;
  readonly #parts: LostMessagesParts;
  /** Segments in which reading met damage, with how many of the numbers lost were not done yet. */
  readonly #met = new Map<Segment, number>();
  /** The cursor is gone, or older than the log. */
  #isCursorUnsure = false;

  constructor(parts: LostMessagesParts) {
    this.#parts = parts;
  }

  /**
   * Counts what is pending, from what the log holds above the cursor: by summary where a segment is untouched, else by
   * reading. Then books what should be there and is not.
   */
  async recover(found: RecoveredLog): Promise<void> {
    const { cursor, accepted, pending, doubt } = this.#parts;
    const left = takeCompacted(cursor.ranges, cursor.found, found.segments);
    const touchedEnd = cursor.ranges.end;
    let unknown = left + this.#checkCursor(found, left > 0);
    let gone = unknown;
    for (const { from, to, path, reported } of found.lost) {
      const missing = this.#mark(from, to);
      gone += missing;
      if (missing === 0 || reported) continue;
      // Segments were freed from behind one that waits, and the cursor that had their numbers is gone.
      if (this.#isCursorUnsure) unknown += missing;
      else this.#parts.onFinding(missingNumbers(path, from, to));
    }
    for (const segment of found.segments) {
      if (segment.nextSequence <= cursor.ranges.lowWater) continue;
      if (touchedEnd <= segment.header.baseSequence) this.#addPending(segment.counts, segment.frameBytes);
      else gone += await this.#countUnconfirmed(segment);
    }
    if (this.#isCursorUnsure || !found.recordsKnown) doubt.begin(cursor.ranges.lowWater);
    this.#restoreAccepted(found);
    if (gone === 0) return;
    const isDamaged = unknown === 0 || found.findings.some(({ kind }) => kind === "unreadable-segment");
    const lost = unaccounted(accepted.table(), cursor.outcomes.table(), pending.table(), gone);
    this.#book(lost, isDamaged ? REASON_DAMAGED : REASON_CURSOR_LOST);
  }

  /**
   * Where no summary or later state tells how many were accepted, messages that were done before they were lost are
   * missing from that count: the cursor still has them.
   */
  #restoreAccepted(found: RecoveredLog): void {
    const { cursor, accepted, pending } = this.#parts;
    const lost = found.lost.reduce((sum, { from, to }) => sum + to - from, found.nextSequence - found.readableEnd);
    if (lost === 0) return;
    const before = accepted.table();
    const known = new TenantCounts();
    each(pending.table(), (stream, tenant, count) => known.add(stream, tenant, count));
    for (const [stream, tenants] of Object.entries(cursor.outcomes.table())) {
      for (const [tenant, outcomes] of Object.entries(tenants)) known.add(stream, tenant, outcomeCount(outcomes));
    }
    for (const { stream, tenant, count } of limited(known.table(), (stream, tenant) => before[stream]?.[tenant] ?? 0, lost)) {
      accepted.add(stream, tenant, count);
    }
  }

  /** Damage was met in a segment, and is not booked yet: its file must stay. */
  holds(segment: Segment): boolean {
    return this.#met.has(segment);
  }

  /** Reading met damage. */
  meet(segment: Segment, hole: Hole): void {
    if (segment.damaged) return;
    const from = hole.sequence;
    const to = Math.min(from + hole.framesLost, segment.nextSequence);
    this.#met.set(segment, (this.#met.get(segment) ?? 0) + this.#parts.cursor.ranges.countMissing(from, to));
    this.#noteDamage(segment, hole.offset, hole.bytes, from, to);
  }

  /** Finds out whose messages were lost by what reading met, and books them. */
  async bookMet(): Promise<void> {
    const { disk, accepted, pending } = this.#parts;
    for (const [segment, met] of this.#met) {
      // In the same turn in which the reading fixes its end: what is written meanwhile is in neither.
      const counts = segment.counts.table();
      const content = await readContent(
        disk,
        segment,
        () => false,
        (stream, tenant) => accepted.keyOf(stream, tenant),
      );
      let gone = met;
      for (const { from, to } of content.missing) gone += this.#mark(from, to);
      segment.damaged = true;
      this.#met.delete(segment);
      const lost = lostOf(counts, content.readable, pending.table(), gone);
      // What they took isn't known message by message: about as much as the others of their tenant.
      for (const { stream, tenant, count } of lost) pending.add(stream, tenant, -count, -count * pending.meanBytesOf(tenant));
      this.#book(lost, REASON_DAMAGED);
    }
  }

  /** @returns How many numbers there are whose outcome is not known any more. */
  #checkCursor(found: RecoveredLog, isBehind: boolean): number {
    const { cursor, folder, onFinding } = this.#parts;
    const first = found.segments[0]?.header.baseSequence ?? found.nextSequence;
    const { ranges } = cursor;
    const { lowWater } = ranges;
    const finding = cursorFinding(folder, cursor.found, lowWater, first, found.segments.length === 0, isBehind);
    if (finding !== null) onFinding(finding);
    this.#isCursorUnsure = finding?.kind === "cursor-lost" || finding?.kind === "cursor-behind";
    // All of the log is in doubt then, not only what is missing before it.
    const unknown = ranges.countMissing(lowWater, first);
    ranges.addRange(lowWater, first);
    return unknown;
  }

  async #countUnconfirmed(segment: Segment): Promise<number> {
    const { disk, cursor, accepted } = this.#parts;
    const isPending = (sequence: number): boolean => !cursor.ranges.has(sequence);
    const content = await readContent(disk, segment, isPending, (stream, tenant) => accepted.keyOf(stream, tenant));
    this.#addPending(content.wanted, content.wantedBytes);
    let gone = 0;
    for (const { from, to, offset, bytes } of content.missing) {
      gone += this.#mark(from, to);
      if (!segment.damaged) this.#noteDamage(segment, offset, bytes, from, to);
    }
    if (content.missing.length > 0) segment.damaged = true;
    return gone;
  }

  #addPending(counts: TenantCounts, frameBytes: TenantCounts): void {
    const { accepted, pending } = this.#parts;
    const bytes = frameBytes.table();
    each(counts.table(), (stream, tenant, count) =>
      pending.add(stream, accepted.keyOf(stream, tenant), count, bytes[stream]?.[tenant] ?? 0),
    );
  }

  /** Marks numbers that nothing holds as done; they must not hold up the low-water mark. Returns how many were not yet. */
  #mark(from: number, to: number): number {
    const { cursor, doubt } = this.#parts;
    const { ranges } = cursor;
    const missing = ranges.countMissing(from, to);
    doubt.missing(from, to);
    ranges.addRange(from, to);
    return missing;
  }

  #book(lost: readonly LostCount[], reason: string): void {
    const { cursor } = this.#parts;
    for (const { stream, tenant, count } of lost) {
      cursor.outcomes.add(stream, tenant, "dropped", reason, count);
      cursor.touch();
      if (reason === REASON_DAMAGED) this.messages += count;
    }
  }

  #noteDamage(segment: Segment, offset: number, bytes: number, from: number, to: number): void {
    this.#parts.onFinding({
      kind: "damage",
      path: segment.path,
      offset,
      bytes,
      framesLost: Math.max(0, to - from),
      text: damageText(bytes, from, to),
    });
  }
}

/** Messages of a segment that can't be read: only such as still wait, since the others are known as done. */
function lostOf(counts: StreamTable, readable: TenantCounts, pending: StreamTable, countMax: number): LostCount[] {
  const found = readable.table();
  const known = (stream: string, tenant: string): number => {
    const all = counts[stream]?.[tenant] ?? 0;
    return Math.max(found[stream]?.[tenant] ?? 0, all - (pending[stream]?.[tenant] ?? 0));
  };
  return limited(counts, known, countMax);
}

/** What was accepted and is neither among the outcomes nor pending. */
function unaccounted(accepted: StreamTable, outcomes: OutcomeTable, pending: StreamTable, countMax: number): LostCount[] {
  const known = (stream: string, tenant: string): number => outcomeCount(outcomes[stream]?.[tenant]) + (pending[stream]?.[tenant] ?? 0);
  return limited(accepted, known, countMax);
}

function outcomeCount(outcomes: Outcomes | undefined): number {
  if (outcomes === undefined) return 0;
  return outcomes.delivered + outcomes.dead + Object.values(outcomes.dropped).reduce((sum, count) => sum + count, 0);
}

function limited(expected: StreamTable, found: (stream: string, tenant: string) => number, countMax: number): LostCount[] {
  const lost: LostCount[] = [];
  let left = countMax;
  each(expected, (stream, tenant, all) => {
    const count = Math.min(left, all - found(stream, tenant));
    if (count <= 0) return;
    left -= count;
    lost.push({ stream, tenant, count });
  });
  return lost;
}

function each(table: StreamTable, take: (stream: string, tenant: string, count: number) => void): void {
  for (const [stream, tenants] of Object.entries(table)) for (const [tenant, count] of Object.entries(tenants)) take(stream, tenant, count);
}
