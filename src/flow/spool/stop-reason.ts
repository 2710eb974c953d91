/** Why a log takes nothing in: it is full, or it can't go on after a start without using a number twice. */
import { SidestreamError } from "../../errors.ts";
import type { Cursor } from "./cursor.ts";
import type { DestinationLogSettings } from "./log-settings.ts";
import type { RecoveredLog } from "./recovered-log.ts";

export function fullError({ destination, bytesMax }: DestinationLogSettings, usedBytes: number): SidestreamError {
  return new SidestreamError("SST_SPOOL_FULL", `the spool of ${destination} holds ${usedBytes} of ${bytesMax} bytes`);
}

export function shareError(settings: DestinationLogSettings, tenant: string, heldBytes: number): SidestreamError {
  const { destination, bytesMax, tenantShare = 1 } = settings;
  const share = `${Math.round(tenantShare * 100)} % of ${bytesMax}`;
  return new SidestreamError(
    "SST_TENANT_SHARE",
    `${tenant} has ${heldBytes} bytes waiting in the spool of ${destination}, more than its ${share}`,
  );
}

/**
 * Why the log must not take anything in, or null: numbers that were used would come again. A cursor that knows more than the log
 * holds says so, and so does a state that is lost.
 *
 * @see docs/spool-format.md, section 8
 */
export function stopReason(destination: string, found: RecoveredLog, { ranges, sentEnd }: Cursor): SidestreamError | null {
  if (ranges.end > found.nextSequence) {
    const text = `the log of ${destination} ends before ${found.nextSequence}, but ${ranges.end - 1} was already confirmed`;
    return new SidestreamError("SST_SPOOL_CUT", text);
  }
  if (sentEnd > found.nextSequence) {
    const text = `the log of ${destination} ends before ${found.nextSequence}, but messages up to ${sentEnd - 1} may have been sent`;
    return new SidestreamError("SST_SPOOL_CUT", text);
  }
  if (found.stateKnown) return null;
  return new SidestreamError("SST_SPOOL_CUT", `the state of the log of ${destination} is damaged: which numbers were used is not known`);
}
