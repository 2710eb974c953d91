/** A log and its dead letters as the decoder reads them that was written from the format's page, held against the log itself. */
import { deepEqual } from "node:assert/strict";
import { join } from "node:path";
import { DeadLetterLog } from "../dead-letter-log.ts";
import type { DestinationLog } from "../destination-log.ts";
import { disk } from "../disk.ts";
import { isProblem, type SpoolFinding } from "../findings.ts";
import type { SpooledMessage } from "../spooled.ts";
import { decodeMessages, decodeRecords, type DecodedMessage, type DecodedRecords } from "./spool-decoder.ts";
import { LANES } from "./writer-settings.ts";

export interface Decoded {
  readonly messages: readonly DecodedMessage[];
  readonly records: DecodedRecords;
  readonly letters: readonly DecodedMessage[];
}

/** Reads a data folder with one destination, `out`. */
export async function decodedOf(folder: string): Promise<Decoded> {
  const log = join(folder, "spool/out");
  const [messages, records, letters] = await Promise.all([
    decodeMessages(log),
    decodeRecords(log),
    decodeMessages(join(folder, "dead/out")),
  ]);
  return { messages, records, letters };
}

/** @param read - What the log reads: all that is not confirmed. */
export function checkDecoded(
  { messages, records: { control, lanes } }: Decoded,
  log: DestinationLog,
  read: readonly SpooledMessage[],
): void {
  deepEqual(
    messages
      .filter(({ done }) => done === false)
      .map(({ number, sequence, topic, eventId, value }) => [number, sequence, topic, eventId, value]),
    read.map((each) => [each.logSequence, each.sequence, each.topic, each.eventId, each.value.toString("base64")]),
    "the decoder reads what the log reads",
  );
  deepEqual(control, log.state().control, "the decoder has the same records in force");
  for (const lane of LANES) {
    const [, , number, position] = lanes[lane] ?? [];
    deepEqual(number === undefined ? null : { number, position }, log.lanePosition(lane), "the decoder knows where lanes stand");
  }
}

/** Dead letters by the log's own reading, in which nothing may be wrong. */
export async function deadLetterCount(folder: string, messagesLogId: string): Promise<number> {
  const findings: SpoolFinding[] = [];
  const letters = await DeadLetterLog.open({
    disk,
    folder: join(folder, "dead/out"),
    destination: "out",
    messagesLogId,
    keepMs: 1e15,
    bytesMax: 64 * 1024 * 1024,
    onFinding: (finding) => findings.push(finding),
  });
  const { messages } = letters;
  await letters.close();
  deepEqual(findings.filter(isProblem), []);
  return messages;
}
