/** Messages as they stand in a topic, with the evidence that Sidestream's have. */
import type { StoredMessage } from "../../../driver/destination.ts";

export interface NumberedParts {
  readonly sequence: number;
  readonly offset?: number;
  readonly key?: string;
  readonly instance?: string;
  readonly logId?: string;
  readonly stream?: string;
  readonly form?: "structured" | "binary";
  readonly replay?: boolean;
  readonly redriven?: boolean;
}

/** One of stream `all` of log `log-1` of instance `okapi-1`, unless told otherwise. */
export function numbered(parts: NumberedParts): StoredMessage {
  const {
    sequence,
    offset = sequence - 1,
    key = "diku",
    instance = "okapi-1",
    logId = "log-1",
    stream = "all",
    form = "structured",
  } = parts;
  const attributes: Record<string, string> = {
    specversion: "1.0",
    partitionkey: key,
    sidestreamstream: stream,
    sidestreaminstance: instance,
    sidestreamlog: logId,
    sequence: String(sequence).padStart(16, "0"),
  };
  const headers: [string, string][] = parts.replay === true ? [["sidestream-replay", "1"]] : [];
  if (parts.redriven === true) headers.push(["sidestream-redrive", "1"]);
  const data = { text: ',"data":' };
  if (form === "structured") return { offset, key, headers, value: Buffer.from(JSON.stringify({ ...attributes, data })) };
  for (const [name, value] of Object.entries(attributes)) headers.push([`ce_${name}`, value]);
  return { offset, key, headers, value: Buffer.from(JSON.stringify(data)) };
}
