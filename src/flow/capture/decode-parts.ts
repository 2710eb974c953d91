/** What reading a record of any kind needs: its bytes, its bodies, and that its parts add up. */
import type { CapturedBody } from "../event.ts";
import { invalidHandover } from "./layout.ts";

/** A batch that is being read. */
export interface Reading {
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly bootId: string;
  readonly sourceNames: readonly (string | undefined)[];
}

const NO_BYTES = Buffer.alloc(0);

/** A body as a view of the batch. @throws SidestreamError `SST_HANDOVER_INVALID` when its size is out of range. */
export function body(reading: Reading, offset: number, bytes: number, sizeBytes: number, truncated: boolean): CapturedBody {
  if (Number.isNaN(sizeBytes)) throw invalidHandover("body", "its size is beyond 2^53");
  return { bytes: bytes === 0 ? NO_BYTES : reading.bytes.subarray(offset, offset + bytes), sizeBytes, truncated };
}

/** @throws SidestreamError `SST_HANDOVER_INVALID` when lengths don't add up, or there are flags that nobody knows. */
export function checkParts(bytes: number, parts: number, flags: number, flagsKnown: number): void {
  if (parts !== bytes) throw invalidHandover("record", `its parts take ${parts} bytes, its length says ${bytes}`);
  if ((flags & ~flagsKnown) !== 0) throw invalidHandover("record", `flags ${flags} are not known`);
}
