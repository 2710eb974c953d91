/**
 * What went wrong while a topic was read, with what to do about it.
 *
 * The hints of these codes are for those who send: that messages wait, that sending goes on by itself.
 */
import { isSidestreamError, SidestreamError, type ErrorCode } from "../../errors.ts";

const HINTS: Partial<Readonly<Record<ErrorCode, string>>> = {
  SST_TOPIC_MISSING:
    "Check the topic's name and, of files, the folder. What nothing was delivered to isn't there yet; a user who may not see a topic is told the same.",
  SST_TOPIC_INVALID: "Name the topic as the destination has it, files without .jsonl: file:out/users for out/users.jsonl.",
  SST_COMMAND_INVALID:
    "Name the folder that the `file` destination writes, then a topic: file:out/users for out/users.jsonl. If that is what you named, something else is in the way there.",
  SST_DESTINATION_DISK: "The disk refused to read, so nothing is known of the topic: check its mount and whether this user may read there.",
  SST_LANE_UNAVAILABLE: "The topic can't be read to its end: see the brokers' health, then verify it again.",
};

class ReadingError extends SidestreamError {
  override get hint(): string {
    return HINTS[this.code] ?? super.hint;
  }
}

/** The same error, with a hint for who reads. */
export function whileReading(error: unknown): unknown {
  if (!isSidestreamError(error) || HINTS[error.code] === undefined) return error;
  return new ReadingError(error.code, error.message, { cause: error });
}
