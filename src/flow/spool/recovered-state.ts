/**
 * The state of a log as recovery pieces it together: from the last summary or state frame, and the messages after it.
 *
 * Promise: no number of a stream and topic comes twice. Where messages are lost whose topics can't be known, every
 * topic's numbers step over as many; where the state itself is lost, `known` is false and the log must not go on.
 */
import { ControlRecords } from "./control-records.ts";
import type { LogStateRecord, StreamTable } from "./log-state.ts";
import { SourceProgress, type Placed } from "./source-progress.ts";

/** What of a message the state counts. */
export interface StateMessage extends Placed {
  readonly tenant: string;
  readonly sequence: number;
}

export class RecoveredState {
  /** False while nothing says what came before the frames that were read. */
  known = true;
  #numbers: NamedTable = new Map();
  #accepted: NamedTable = new Map();
  #progress = new SourceProgress();
  #floor = 0;
  #control = new ControlRecords();
  /** Number that the next frame has when none is missing. */
  #position = 1;
  /** Messages that may be missing since the state was last read whole. */
  #lost = 0;

  /** A segment begins. Without a state frame of its own it carries on only where the one before it ends. */
  enter(baseSequence: number): void {
    if (baseSequence !== this.#position) this.known = false;
    this.#position = baseSequence;
  }

  /** A state frame, or the state in a summary: all that is needed to go on from a number. */
  load(state: LogStateRecord, nextSequence: number): void {
    this.#numbers = namedTable(state.sequences);
    this.#accepted = namedTable(state.accepted);
    this.#progress = new SourceProgress();
    this.#progress.load(state);
    this.#floor = state.floor ?? 0;
    this.#control = new ControlRecords(state.control);
    this.#position = nextSequence;
    this.#lost = 0;
    this.known = true;
  }

  /** A frame was read, or stepped over. */
  pass(sequence: number): void {
    this.lose(sequence);
    this.#position = sequence + 1;
  }

  /** The frames below a number that were not read are gone. */
  lose(belowSequence: number): void {
    this.#lost += Math.max(0, belowSequence - this.#position);
    this.#position = Math.max(this.#position, belowSequence);
  }

  /** A message that is in no state yet. */
  take(message: StateMessage): void {
    const topics = rowOf(this.#numbers, message.stream);
    topics.set(message.topic, Math.max(topics.get(message.topic) ?? 1, message.sequence + 1));
    const tenants = rowOf(this.#accepted, message.stream);
    tenants.set(message.tenant, (tenants.get(message.tenant) ?? 0) + 1);
    this.#progress.found(message);
  }

  /** A control record that is in no state yet. */
  control(record: unknown): void {
    this.#control.apply(record);
  }

  /** False while control records may be among what is missing since the state was last read whole. */
  get recordsKnown(): boolean {
    return this.known && this.#lost === 0;
  }

  record(): LogStateRecord {
    const sequences = plainTable(this.#numbers, this.#lost);
    const accepted = plainTable(this.#accepted, 0);
    const floor = this.#floor + this.#lost === 0 ? {} : { floor: this.#floor + this.#lost };
    return { version: 1, sequences, accepted, ...this.#progress.record(), control: this.#control.list(), ...floor };
  }
}

type NamedTable = Map<string, Map<string, number>>;

function namedTable(table: StreamTable): NamedTable {
  return new Map(Object.entries(table).map(([name, row]) => [name, new Map(Object.entries(row))]));
}

function rowOf(table: NamedTable, name: string): Map<string, number> {
  let row = table.get(name);
  if (row === undefined) table.set(name, (row = new Map()));
  return row;
}

/** Names come from outside, `__proto__` among them: the tables have no prototype. */
function plainTable(table: NamedTable, more: number): StreamTable {
  const plain = Object.create(null) as StreamTable;
  for (const [name, row] of table) {
    const entries = Object.create(null) as Record<string, number>;
    for (const [key, value] of row) entries[key] = value + more;
    plain[name] = entries;
  }
  return plain;
}
