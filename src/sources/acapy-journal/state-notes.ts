/**
 * Gathers the states of records on their way through, and notes them many at a time.
 *
 * Promise: the states of what `ack` says is done are noted; those of what isn't are met again after a crash.
 */
import { categoryOf } from "../../driver/agent-category.ts";
import type { Read } from "./journal-reader.ts";
import type { RecordState, RecordStates } from "./record-states.ts";

/** What events of records begin with; others have ids, but no state that could be asked for. */
const RECORD_TOPIC = "acapy::record::";
/** Noted at once: a few milliseconds of work. */
const ROWS_MAX = 500;

export class StateNotes {
  readonly #source: string;
  readonly #states: RecordStates;
  /** By record, so that of many changes one row is written. */
  readonly #rows = new Map<string, RecordState>();

  constructor(source: string, states: RecordStates) {
    this.#source = source;
    this.#states = states;
  }

  take({ place, record }: Read, journal: string): void {
    if (record.kind !== "event" || record.recordId === null || !record.topic.startsWith(RECORD_TOPIC)) return;
    const { wallet, recordId, state, timeMs } = record;
    const category = categoryOf(record.topic);
    const key = `${wallet ?? ""} ${category} ${recordId}`;
    const eventId = `${place.boot}/${place.sequence}`;
    this.#rows.set(key, { source: this.#source, agent: place.agent ?? journal, wallet, category, recordId, state, timeMs, eventId });
    if (this.#rows.size >= ROWS_MAX) this.flush();
  }

  /** Notes what was gathered. Never throws. */
  flush(): void {
    if (this.#rows.size === 0) return;
    const rows = [...this.#rows.values()];
    this.#rows.clear();
    this.#states.note(rows);
  }

  close(): void {
    this.flush();
    this.#states.close();
  }
}
