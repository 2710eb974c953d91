/**
 * What those who use a log did and were told, in order: all that a crash must be held against. Nothing in it knows how
 * the log is stored.
 */
import type { LanePosition } from "../../../../driver/destination.ts";
import type { Confirmation } from "../../spooled.ts";

/** A message as its source gave it. */
export interface Given {
  /** Its own, and in its event id. */
  readonly id: string;
  readonly topic: string;
  readonly tenant: string;
  readonly value: Buffer;
  /** Its source is told when it can't be kept. */
  readonly acknowledging: boolean;
}

/** Where a message was seen by a reader, who may have sent it. */
export interface Seen {
  readonly id: string;
  /** In the log. */
  readonly number: number;
  /** In its topic. */
  readonly sequence: number;
}

/** That a message is done. */
export interface Done {
  readonly id: string;
  readonly outcome: Confirmation["outcome"];
  readonly reason: string | null;
  readonly lane: string;
  readonly position: LanePosition | null;
}

/** JSON, or undefined for none. */
export type Kept = string | undefined;

export type Told =
  | { readonly kind: "given"; readonly message: Given }
  /** Acknowledged: they are kept. */
  | { readonly kind: "kept"; readonly ids: readonly string[] }
  /** Refused by a log that goes on: they are nowhere. */
  | { readonly kind: "refused"; readonly ids: readonly string[] }
  /** Refused by a log that stopped: they may be there after the next start. */
  | { readonly kind: "unsure"; readonly ids: readonly string[] }
  | { readonly kind: "seen"; readonly messages: readonly Seen[] }
  /** Somebody may count them as done from now on: they are about to be confirmed, or the destination has them. */
  | { readonly kind: "finishing"; readonly messages: readonly Done[] }
  | { readonly kind: "finished"; readonly ids: readonly string[] }
  /** A lane may send what is below a number. */
  | { readonly kind: "sending"; readonly lane: string; readonly below: number }
  | { readonly kind: "setting"; readonly name: string; readonly value: Kept }
  | { readonly kind: "set"; readonly name: string; readonly value: Kept; readonly ending: "kept" | "refused" | "unsure" }
  | { readonly kind: "skipping"; readonly id: string; readonly code: string }
  | { readonly kind: "skipped"; readonly id: string; readonly code: string; readonly ending: "kept" | "refused" | "unsure" }
  /** A new start read all of the log. */
  | { readonly kind: "started"; readonly present: readonly Seen[]; readonly memory: ReadonlyMap<string, string> };
