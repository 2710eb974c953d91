/**
 * Compares records as an agent has them with their last journaled states.
 *
 * An agent writes a record to its database, then tells its bus; a crash between the two loses the event, and the record
 * is the only trace of it. A record that was written without a change of its state makes no event, so states count, not times.
 */
import type { RecordStatesReader } from "../../sources/acapy-journal/record-states-reader.ts";
import type { RecordState } from "../../sources/acapy-journal/record-states.ts";
import type { ListedRecord } from "./record-listings.ts";

/** Nobody reads more; they are still counted. */
const KEPT_MAX = 10_000;
/** The clock of an agent's record and that of its event are read one after the other. */
const CLOCK_MS = 1_000;

export interface Finding extends ListedRecord {
  readonly wallet: string | null;
  readonly label: string;
  /** Null: none was. */
  readonly journaled: RecordState | null;
}

interface Asked {
  readonly sinceMs: number;
  /** When the records began to be listed. */
  readonly startedMs: number;
}

export class Comparison {
  readonly #reader: RecordStatesReader;
  readonly #asked: Asked;
  readonly #completeSinceMs: number;
  /** Records that changed since the time asked for. */
  comparedCount = 0;
  /** Their change was not journaled. */
  missing: Finding[] = [];
  /** Findings beyond those that are kept. */
  omittedCount = 0;
  /** None of theirs is noted, but they are older than what is: they may only have been written again. */
  unsure: Finding[] = [];

  constructor(reader: RecordStatesReader, asked: Asked) {
    this.#reader = reader;
    this.#asked = asked;
    this.#completeSinceMs = reader.completeSinceMs;
  }

  take(wallet: string | null, label: string, record: ListedRecord): void {
    if (record.updatedMs < this.#asked.sinceMs) return;
    this.comparedCount += 1;
    this.#judge({ ...record, wallet, label, journaled: null });
  }

  /** Looks again at what was missing: what was journaled meanwhile is found. */
  lookAgain(): void {
    const { missing, unsure } = this;
    this.missing = [];
    this.unsure = [];
    for (const finding of [...missing, ...unsure]) this.#judge(finding);
  }

  #judge(record: Finding): void {
    const journaled = this.#reader.stateOf(record.wallet, record.category, record.id);
    if (journaled !== null && (journaled.state === record.state || this.#wentOn(record, journaled))) return;
    const finding = { ...record, journaled };
    if (this.missing.length + this.unsure.length >= KEPT_MAX) this.omittedCount += 1;
    else if (journaled === null && record.createdMs < this.#completeSinceMs) this.unsure.push(finding);
    else this.missing.push(finding);
  }

  /** The record changed once more after it was listed. */
  #wentOn({ updatedMs }: ListedRecord, { timeMs }: RecordState): boolean {
    return timeMs > updatedMs && timeMs >= this.#asked.startedMs - CLOCK_MS;
  }
}
