/**
 * Which failure costs what, as the tests show it: a test file declares its rows of docs/guarantees.md beside the tests that
 * make the failures happen.
 *
 * `node tools/guarantees.ts` writes the page's tables; a test tells when they are stale, when a row names a test that isn't
 * there, and when one says nothing of what to do.
 */

/** What may happen, in the order of the page. */
export const FAILURES = {
  killed: "the program is killed (SIGKILL), or its memory runs out",
  "engine-dies": "the engine thread dies, the program lives",
  "agent-killed": "the agent is killed",
  "power-lost": "the machine loses its power",
  "disk-full": "the disk is full",
  "disk-fails": "the disk refuses to write or sync, or turns read-only",
  "disk-lost": "the disk with the data folder is lost",
  "log-full": "the spool's own bound is reached",
  "broker-killed": "a broker is killed and comes back",
  "leader-changes": "a broker is killed and another one leads",
  "network-cut": "the network is cut, answers are lost or late",
  "broker-slow": "a broker stands still, or is slow",
  "destination-away": "the destination is away for long",
  "clock-jumps": "the machine's clock jumps",
  "producer-forgotten": "brokers forgot the producer (a quiet day, records deleted)",
  "topic-anew": "the topic was deleted and made anew, or another cluster answers",
  "partitions-added": "the topic gets more partitions",
  "message-refused": "the destination refuses a message for good",
  "log-damaged": "the spool is damaged where messages were being sent",
  "older-copy": "an older copy of the data folder is put back",
  "second-program": "a second program is started on the same data folder",
} as const;

export type Failure = keyof typeof FAILURES;
export const CAPTURES = ["best-effort", "durable", "journal"] as const;
export const DELIVERIES = ["at-most-once", "at-least-once", "exactly-once"] as const;

interface Row {
  readonly failure: Failure;
  /** Whole name of the test in this file, or `…` for what stands in for a part of it. */
  readonly test: string;
  readonly lost: string;
  readonly todo: string;
}

/** What happens between the client and the spool. */
export interface CaptureRow extends Row {
  readonly capture: readonly (typeof CAPTURES)[number][];
}

/** What happens between the spool and the destination. */
export interface DeliveryRow extends Row {
  readonly delivery: readonly (typeof DELIVERIES)[number][];
  /** Where it isn't the same for all: `Kafka`, `files`. */
  readonly to?: string;
  readonly doubled: string;
}

export type Guarantee = CaptureRow | DeliveryRow;

/** Declares rows. A literal, which is read from the file's text: nothing of the test is run for it. */
export function guarantee(..._rows: readonly Guarantee[]): void {}
