/**
 * What a message says of its own origin, read from a message as it arrived, in either form.
 *
 * Promise: of a message in structured form the attributes alone are parsed, not its data, as long as they stand before it.
 */
import type { StoredMessage } from "../../driver/destination.ts";
import { REDRIVE_HEADER, REPLAY_HEADER } from "../../flow/message/sent-again.ts";

export interface FoundEvidence {
  readonly instance: string;
  /** Of the log that numbered it. */
  readonly logId: string;
  readonly stream: string;
  /** From 1. */
  readonly sequence: number;
  readonly key: string;
}

const SEQUENCE = /^\d{1,16}$/;
/** Attributes take at most 8 KiB. */
const ATTRIBUTES_BYTES_MAX = 16 * 1024;
const BEFORE_DATA = ',"data":';
const BRACE = 0x7b;

type Message = Pick<StoredMessage, "headers" | "value" | "key">;

/** Null: it isn't one of Sidestream's messages, or says nothing of its number. */
export function evidenceOf(message: Message): FoundEvidence | null {
  const log = headerOf(message, "ce_sidestreamlog");
  if (log !== undefined) return evidenceIn((name) => headerOf(message, `ce_${name}`), message.key);
  if (message.value === null || message.value[0] !== BRACE) return null;
  const attributes = attributesOf(message.value);
  if (attributes === null) return null;
  return evidenceIn((name) => {
    const value = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
    return typeof value === "string" ? value : undefined;
  }, message.key);
}

export function isReplay(message: Pick<StoredMessage, "headers">): boolean {
  return headerOf(message, REPLAY_HEADER) !== undefined;
}

/** A dead letter that was sent after all: behind later ones of its key. */
export function isRedriven(message: Pick<StoredMessage, "headers">): boolean {
  return headerOf(message, REDRIVE_HEADER) !== undefined;
}

function headerOf({ headers }: Pick<StoredMessage, "headers">, name: string): string | undefined {
  return headers.find(([each]) => each.toLowerCase() === name)?.[1];
}

function evidenceIn(attribute: (name: string) => string | undefined, key: string): FoundEvidence | null {
  const [instance, logId, stream] = [attribute("sidestreaminstance"), attribute("sidestreamlog"), attribute("sidestreamstream")];
  const digits = attribute("sequence");
  if (instance === undefined || logId === undefined || stream === undefined || digits === undefined || !SEQUENCE.test(digits)) return null;
  const sequence = Number(digits);
  if (sequence < 1 || !Number.isSafeInteger(sequence)) return null;
  // Destinations without keys of their own have it in the message.
  return { instance, logId, stream, sequence, key: key === "" ? (attribute("partitionkey") ?? "") : key };
}

function attributesOf(value: Buffer): Record<string, unknown> | null {
  const head = value.toString("utf8", 0, Math.min(value.length, ATTRIBUTES_BYTES_MAX));
  const end = head.indexOf(BEFORE_DATA);
  // Within a text each quotation mark has a backslash before it, so that this is no text's content.
  return (end === -1 ? null : parsed(`${head.slice(0, end)}}`)) ?? parsed(value.toString("utf8"));
}

function parsed(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
