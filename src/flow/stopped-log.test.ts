import { match } from "node:assert/strict";
import { test } from "node:test";
import { SidestreamError } from "../errors.ts";
import { stoppedText } from "./stopped-log.ts";

test("what is told of a log that stopped says what happened, whether what it holds is sent, and what to do", () => {
  const io = stoppedText(new SidestreamError("SST_SPOOL_IO", "could not write to x: EIO"), true);
  match(
    io,
    /^SST_SPOOL_IO: could not write to x: EIO\. The log has stopped\. What it holds is still sent, .*Mend the disk .* restart Sidestream/,
  );
  const readOnly = stoppedText(new SidestreamError("SST_SPOOL_READ_ONLY", "EROFS"), true);
  match(readOnly, /Make the data folder writable again .* restart Sidestream/);
  const cut = stoppedText(new SidestreamError("SST_SPOOL_CUT", "the log of kafka1 ends before 5"), false);
  match(cut, /Nothing is taken in, and what it holds waits: .* A restart alone doesn't help: .*section 8 of docs\/spool-format\.md/);
  const other = stoppedText(new SidestreamError("SST_SPOOL_DAMAGED", "bits flipped"), true);
  match(other, /`sidestream spool fsck` lists the damage.* Then restart Sidestream$/);
});
