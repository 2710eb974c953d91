/** What the flow tells of one destination beside what metrics show of it, as plain data. */
import type { MemoryState } from "./memory-outlet.ts";
import type { SpoolTrouble } from "./outlet-notices.ts";
import type { HeldTenant } from "./tenant-shares.ts";
import type { DispatcherStatus } from "./transmit/dispatcher.ts";

/** What status shows of a destination beside what metrics do. */
export interface DestinationDetail {
  readonly logId: string;
  readonly damagedMessages: number;
  readonly deadLetters: {
    readonly messages: number;
    readonly bytes: number;
    /** Removed for age or want of room, since the start. */
    readonly removed: number;
    /** Why the last one is there, since the start. */
    readonly lastReason: string | null;
  };
  /** Why messages can't be kept at the moment, or null. */
  readonly trouble: SpoolTrouble | null;
  /** Tenants that are over their share of the log. */
  readonly tenantsHeldBack: number;
  /** Up to ten of them, those with the most first. */
  readonly heldBack: readonly HeldTenant[];
  /** What is sent from memory, once; null where no rule asks for that. */
  readonly memory: MemoryState | null;
  /** What the driver had to say last, such as a setting at the destination that weakens a promise. */
  readonly notices: readonly string[];
  readonly transmit: DispatcherStatus | null;
}
