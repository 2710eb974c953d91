/**
 * The event: the one record that passes through the flow.
 *
 * Promise: immutable once identified. Bodies are bytes as they came over the wire; nothing is decoded before a later
 * stage asks for it.
 */
import type { Outcome, Qos } from "../driver/source.ts";

/** Bytes of a body as captured. */
export interface CapturedBody {
  readonly bytes: Buffer;
  /** Bytes that went by on the wire; more than `bytes.length` when the capture was cut. */
  readonly sizeBytes: number;
  readonly truncated: boolean;
}

/** One HTTP request with its response. Header lists are flat: name, value, name, value, as on the wire. */
export interface Transaction {
  readonly method: string;
  /** Request target as sent: path and query. */
  readonly target: string;
  readonly httpVersion: string;
  readonly requestHeaders: readonly string[];
  readonly requestBody: CapturedBody;
  /** Status that the client was answered. */
  readonly status: number;
  readonly responseHeaders: readonly string[];
  readonly responseBody: CapturedBody;
  readonly outcome: Outcome;
  readonly durationMs: number;
  readonly remoteAddress: string;
}

/** One event of an ACA-Py agent. */
export interface AgentEvent {
  readonly topic: string;
  /** Wallet id; null for the base wallet or a single-tenant agent. */
  readonly wallet: string | null;
  /** The payload's JSON text, UTF-8, as it came. */
  readonly payload: CapturedBody;
  /** Name of the tenant for people; absent where the source doesn't tell. */
  readonly label?: string;
  /** Name of the agent, one of several that a source may read; absent where the source doesn't tell. */
  readonly agent?: string;
  /** Id of the record that the event is about; absent where the source doesn't tell. */
  readonly recordId?: string;
  /** What the agent asks to be promised. */
  readonly qos?: Qos;
  /** Absent: it doesn't come from a journal. */
  readonly journal?: JournalPlace;
}

/** Where an event stands in what can be read again. Its `sourcePosition` rises with each event of the same `key`. */
export interface JournalPlace {
  /** The source and the boot that wrote the event: what positions count in. */
  readonly key: string;
  /** The first since the source was opened, or went back: nothing of the same key is under way. */
  readonly resumes: boolean;
  /** It may have been passed on before, to an engine that is gone. */
  readonly isRepeated: boolean;
}

/**
 * What positions of an event count in: of one whose id is `BOOT/SEQUENCE`, source and boot.
 *
 * @see docs/journal-format.md, section 2: how events of a journal are known.
 */
export function journalKey(source: string, eventId: string): string {
  return `${source} ${eventId.slice(0, eventId.lastIndexOf("/"))}`;
}

/** Whose the event is and what handled it, as the platform knows it. */
export interface Identity {
  readonly tenant: string;
  readonly moduleName?: string;
  readonly moduleId?: string;
  readonly moduleVersion?: string;
  readonly interface?: string;
  readonly interfaceVersion?: string;
  readonly route?: string;
  readonly permission?: string;
  readonly userId?: string;
  /** Value of the last parameter of the route, as it stands in the path, percent-encoding undone. */
  readonly entityId?: string;
}

export type EventKind = "transaction" | "agent";

export interface Event {
  /** Unique within the source; the same again when a source repeats an event. */
  readonly id: string;
  readonly kind: EventKind;
  /** Name of the source in the configuration. */
  readonly source: string;
  /** Position in a source that can be re-read; 0 where it can't. */
  readonly sourcePosition: number;
  /** When it began, milliseconds since 1970. */
  readonly timeMs: number;
  readonly transaction: Transaction | null;
  readonly agent: AgentEvent | null;
}

/** An event after the identify stage. */
export interface IdentifiedEvent extends Event {
  readonly identity: Identity;
}
