/**
 * The header of a journal's segment.
 *
 * @see docs/journal-format.md, section 2.
 */
import { crc32 } from "node:zlib";
import { QOS, type Qos } from "../../driver/source.ts";
import { SidestreamError } from "../../errors.ts";

export const JOURNAL_FORMAT = 1;
const MAGIC = "SSTJRNAL";
/** Where the description begins. */
const DESCRIPTION = 64;
const HEADER_BYTES_MAX = 65_536;
const AGENT_CHARS_MAX = 128;

export interface SegmentHeader {
  /** Where the records begin. */
  readonly bytes: number;
  /** 32 hex digits. */
  readonly boot: string;
  readonly number: number;
  readonly firstSequence: number;
  readonly salt: number;
  /** Name of the program that writes; null: it doesn't say. */
  readonly agent: string | null;
  readonly qos: Qos | null;
}

/**
 * Reads the header at the begin of a segment.
 *
 * @param bytes - The begin of the file, as much as there is by now; `HEADER_READ_BYTES` of it are always enough.
 * @param name - Of the file, for messages.
 * @returns "incomplete" when it may be under way still, "bad" when it can't be one.
 * @throws SidestreamError `SST_JOURNAL_VERSION` for a format that this release doesn't read.
 */
export function decodeSegmentHeader(bytes: Buffer, name: string): SegmentHeader | "incomplete" | "bad" {
  if (bytes.length < 16) return "incomplete";
  if (bytes.toString("latin1", 0, 8) !== MAGIC) return "bad";
  const format = bytes.readUInt32LE(8);
  if (format !== JOURNAL_FORMAT) {
    const text = `${name} has format ${format}, this release reads format ${JOURNAL_FORMAT}`;
    throw new SidestreamError("SST_JOURNAL_VERSION", text);
  }
  const headerBytes = bytes.readUInt32LE(12);
  if (headerBytes < DESCRIPTION + 4 || headerBytes > HEADER_BYTES_MAX) return "bad";
  if (bytes.length < headerBytes) return "incomplete";
  if (crc32(bytes.subarray(0, headerBytes - 4)) !== bytes.readUInt32LE(headerBytes - 4)) return "bad";
  const descriptionBytes = bytes.readUInt32LE(52);
  if (DESCRIPTION + descriptionBytes > headerBytes - 4) return "bad";
  return {
    bytes: headerBytes,
    boot: bytes.toString("hex", 16, 32),
    number: Number(bytes.readBigUInt64LE(32)),
    firstSequence: Number(bytes.readBigUInt64LE(40)),
    salt: bytes.readUInt32LE(48),
    ...described(bytes.toString("utf8", DESCRIPTION, DESCRIPTION + descriptionBytes)),
  };
}

/** So much of a file holds its header. */
export const HEADER_READ_BYTES = HEADER_BYTES_MAX;

/** What isn't as it should be is left out: the checksum is right, so a writer of another kind wrote it. */
function described(text: string): Pick<SegmentHeader, "agent" | "qos"> {
  let parsed: unknown = null;
  try {
    parsed = JSON.parse(text);
  } catch {
    // No description, then.
  }
  const { agent, qos } = (typeof parsed === "object" && parsed !== null ? parsed : {}) as Readonly<Record<string, unknown>>;
  return {
    agent: typeof agent === "string" && agent !== "" ? agent.slice(0, AGENT_CHARS_MAX) : null,
    qos: QOS.find((each) => each === qos) ?? null,
  };
}
