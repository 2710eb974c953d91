/**
 * A message: what a stream makes of an event, finished. Nothing after this stage changes it.
 */
export interface Message {
  /** As counted: a stream's id, with where it came from before it when it was sent once more (`redrive/`, `replay/`). */
  readonly stream: string;
  /** Place of the rule in its descriptor, from 1. */
  readonly rule: number;
  /** Short hash of the descriptor's text. */
  readonly revision: string;
  readonly tenant: string;
  readonly source: string;
  readonly sourcePosition: number;
  readonly eventId: string;
  readonly topic: string;
  readonly key: string;
  /** Protocol headers, name and value. */
  readonly headers: readonly (readonly [string, string])[];
  readonly value: Buffer;
  /** When the engine accepted it, milliseconds since 1970. */
  readonly acceptedMs: number;
  /** False: sent again where it can't be told whether the destination has it. True: its lane waits for somebody to decide. */
  readonly exactlyOnce: boolean;
}

/** What a message says of its own origin, so that a reader of one topic can count and de-duplicate. */
export interface Evidence {
  readonly stream: string;
  readonly rule: number;
  readonly revision: string;
  readonly instance: string;
  /** Id of the log that numbered it. */
  readonly logId: string;
  /** Gap-free per log, stream and target, from 1. */
  readonly sequence: number;
}
