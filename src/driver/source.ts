/**
 * The interface of a source driver: where events come from.
 *
 * A source runs on an edge thread. It hands finished records to the capture port and, where it promised durability,
 * answers its own caller only after the record settled as `spooled`.
 */
import type { z } from "zod";

/** Ways a transaction can end. `unknown` is kept for write-ahead capture. */
export const OUTCOMES = ["complete", "client-aborted", "upstream-aborted", "upstream-unreachable", "unknown"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** A body's bytes as slices, in order. They belong to the port once handed over; it copies, it never transfers them. */
export interface RecordBody {
  readonly slices: readonly Buffer[];
  /** Bytes that went by on the wire. */
  readonly sizeBytes: number;
  readonly truncated: boolean;
}

/** One finished HTTP transaction. Heads are HTTP/1.1 text as on the wire, latin1, without the final empty line. */
export interface TransactionRecord {
  readonly kind: "transaction";
  /** Index of the route whose settings applied; 0 where none did. Losses are counted by it. */
  readonly route: number;
  readonly startedMs: number;
  readonly durationMs: number;
  readonly outcome: Outcome;
  readonly requestHead: string;
  readonly requestBody: RecordBody;
  readonly responseHead: string;
  readonly responseBody: RecordBody;
  readonly remoteAddress: string;
}

/** What an agent may ask to be promised of its events. The list only ever grows at its end. */
export const QOS = ["at-most-once", "at-least-once", "exactly-once"] as const;
export type Qos = (typeof QOS)[number];

/** One event of an agent. */
export interface AgentRecord {
  readonly kind: "agent";
  readonly route: number;
  readonly startedMs: number;
  /** Same again when the agent repeats the event. Of one with a place in a journal: `BOOT/SEQUENCE`. */
  readonly id: string;
  readonly topic: string;
  readonly wallet: string | null;
  readonly payload: RecordBody;
  /** Name of the tenant for people. Absent: none. */
  readonly label?: string;
  /** Name of the agent, where a source reads several. Absent: none. */
  readonly agent?: string;
  /** Id of the record that the event is about, where the source knows it. */
  readonly recordId?: string;
  /** Absent: it asks for nothing. */
  readonly qos?: Qos;
  /** Absent: the source can't be read again. */
  readonly place?: RecordPlace;
}

/**
 * Where a record stands in a source that can be read again.
 *
 * Records with places of one boot are handed in one by one in the order of their positions. Once one of them settles
 * otherwise than `spooled`, all that follow do, until the source has heard of all it handed in and goes back to the
 * first that is not spooled: that one `resumes`.
 */
export interface RecordPlace {
  /** Sequence within the boot, from 1. */
  readonly position: number;
  /** The first since the source was opened or went back. */
  readonly resumes: boolean;
  /** It may have been handed in before, to an engine that died. What is sent at most once isn't made of it again. */
  readonly isRepeated: boolean;
}

export type CaptureRecord = TransactionRecord | AgentRecord;

/**
 * How a record that had to be durable ended: on disk (or matched by nothing); refused by a full spool; or the engine
 * died before it said.
 */
export type Settlement = "spooled" | "refused" | "lost";

/** Room for one bounded record, taken before the request is forwarded. */
export interface Reservation {
  readonly bytes: number;
  /** Gives the room back unused; again, or after it was used, is harmless. */
  release(): void;
}

/** Reasons for which an edge loses an event; each is counted by source and route. */
export type LossReason = "no-room" | "engine-lost" | "refused" | "stream";

/** What capture offers to one source. */
export interface CapturePort {
  /** No larger record, encoded, will ever be granted room. */
  readonly recordBytesMax: number;
  /**
   * Reserves room for a durable record, in the hand-over and in the spool.
   *
   * @param bytesMax - Upper bound of the encoded record.
   * @param waitMsMax - Milliseconds to wait for room; the wait line is bounded.
   * @returns Null when no room came in time, or the engine is down.
   */
  reserve(bytesMax: number, waitMsMax: number): Promise<Reservation | null>;
  /** Takes memory for body bytes of a best-effort record; false when the bound is reached and the body must be cut. */
  hold(bytes: number): boolean;
  /** Gives back what `hold` took, once the record was submitted or given up. */
  unhold(bytes: number): void;
  /** Hands in a best-effort record. Without room it is dropped and counted; never waits. */
  submit(record: CaptureRecord): void;
  /** Hands in a durable record; settles after the disk has its messages. The reservation is used up. */
  submitDurable(record: CaptureRecord, reservation: Reservation): Promise<Settlement>;
  /** Counts an event that the edge could not capture. */
  countLoss(route: number, reason: LossReason): void;
}

/** Tells the operator something, in the log. Never per event. */
export type Notice = (level: "info" | "warn" | "error", text: string) => void;

export interface SourceContext {
  /** Name in the configuration. */
  readonly name: string;
  readonly port: CapturePort;
  /** The program's data folder, for what the source keeps for itself. */
  readonly dataFolder: string;
  readonly notice: Notice;
  readonly signal: AbortSignal;
}

export interface SourceConnection {
  /** Address that it listens on, for the start message: `http://127.0.0.1:9130`. */
  readonly address: string;
  /** Counters for metrics, name to value by label text. Read when scraped. */
  counters(): Readonly<Record<string, number>>;
  /** How its parts stand, a line for a person each; absent: it has none. */
  parts?(): readonly string[];
  /** What an operator must see to, for as long as it lasts; absent: it has nothing of the kind. */
  troubles?(): readonly string[];
  /** Ends accepting, lets running exchanges end within the grace period, then cuts them. Again is harmless. */
  close(graceMs: number): Promise<void>;
}

export interface SourceDriver<Options = unknown> {
  readonly type: string;
  readonly summary: string;
  readonly options: z.ZodType<Options>;
  /**
   * Requests of others pass through it. So it takes a platform, by which their tenants are known, and is open while the
   * program is switched off, when no other source is. Absent: its events name their tenants themselves.
   */
  readonly carriesTraffic?: boolean;
  /** What must be known before it is relied on; a warning when a configuration is loaded. Absent: nothing. */
  readonly caution?: string;
  /** Options that are paths, relative to the configuration's file; the driver is given them whole. */
  readonly paths?: readonly string[];
  /** The one of its options that no two sources of its type may have alike, such as a folder that has one reader. */
  readonly soleOption?: string;
  /** Names of its routes for counters, index 0 being the default. */
  routes(options: Options): readonly string[];
  /** Those of them whose events a crash may lose before they are on disk. Absent: none. */
  bestEffortRoutes?(options: Options): readonly string[];
  /** Opens and listens. @throws SidestreamError `SST_LISTEN_FAILED`. */
  open(options: Options, context: SourceContext): Promise<SourceConnection>;
}

/** Defines a driver, its options' type following from the schema. */
export function defineSource<Schema extends z.ZodType>(
  driver: Omit<SourceDriver<z.output<Schema>>, "options"> & { readonly options: Schema },
): SourceDriver<z.output<Schema>> {
  return driver as unknown as SourceDriver<z.output<Schema>>;
}
