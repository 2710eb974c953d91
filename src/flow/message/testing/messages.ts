/** Events, streams and readings of messages for the tests of this stage. */
import assert from "node:assert/strict";
import { CloudEvent, HTTP, Kafka, type KafkaMessage } from "cloudevents";
import type { z } from "zod";
import { ContentValues } from "../../content/pointers.ts";
import type { AgentEvent, CapturedBody, IdentifiedEvent, Identity, Transaction } from "../../event.ts";
import { attributesOf } from "../../match/attributes.ts";
import type { FieldPath, StreamSettings } from "../../settings.ts";
import { agentData, transactionData } from "../data-schema.ts";
import { MessageMaker } from "../maker.ts";
import type { Template } from "../../match/rule.ts";
import type { Evidence, Message } from "../message.ts";

export const REDACTION_KEY = Buffer.alloc(32, 7);
const LIMITS = { decodedBytesMax: 8 * 1024 * 1024 };

export function body(bytes: Buffer | string, cut = 0): CapturedBody {
  const buffer = typeof bytes === "string" ? Buffer.from(bytes) : bytes;
  return { bytes: buffer, sizeBytes: buffer.length + cut, truncated: cut > 0 };
}

export const JSON_TYPE = ["Content-Type", "application/json"];

export function transactionEvent(transaction: Partial<Transaction> = {}, identity: Partial<Identity> = {}): IdentifiedEvent {
  return {
    id: "event-1",
    kind: "transaction",
    source: "front",
    sourcePosition: 7,
    timeMs: Date.UTC(2026, 10, 22, 10, 0, 0, 5),
    identity: { tenant: "diku", ...identity },
    agent: null,
    transaction: {
      method: "POST",
      target: "/users",
      httpVersion: "1.1",
      requestHeaders: [],
      requestBody: body(""),
      status: 201,
      responseHeaders: [],
      responseBody: body(""),
      outcome: "complete",
      durationMs: 12.5,
      remoteAddress: "192.0.2.1",
      ...transaction,
    },
  };
}

export function agentEvent(agent: Partial<AgentEvent> = {}, identity: Partial<Identity> = {}): IdentifiedEvent {
  return {
    id: "event-2",
    kind: "agent",
    source: "agent",
    sourcePosition: 0,
    timeMs: Date.UTC(2026, 10, 22, 10),
    identity: { tenant: "alice", ...identity },
    transaction: null,
    agent: { topic: "connections", wallet: "w-1", payload: body("{}"), ...agent },
  };
}

export function stream(settings: Partial<StreamSettings> = {}): StreamSettings {
  return {
    id: "users-audit",
    title: "",
    revision: "0123456789ab",
    tenants: "all",
    key: null,
    format: "cloudevents",
    delivery: "at-least-once",
    headers: [],
    body: { bytesMax: 64 * 1024 * 1024, types: ["json", "text", "form", "multipart", "binary"] },
    keep: null,
    redact: [],
    rules: [],
    ...settings,
  };
}

export function field(part: "request.body" | "response.body" | "payload", ...pointer: readonly string[]): FieldPath {
  return { kind: "content", part, pointer };
}

export const EVIDENCE: Evidence = {
  stream: "users-audit",
  rule: 2,
  revision: "0123456789ab",
  instance: "okapi-front-1",
  logId: "log-1",
  sequence: 42,
};

export function maker(messageBytesMax = 900 * 1024): MessageMaker {
  return new MessageMaker({ instance: "okapi-front-1", env: "prod", limits: { messageBytesMax }, redactionKey: REDACTION_KEY });
}

export function makeMessage(event: IdentifiedEvent, settings: Partial<StreamSettings> = {}, messageBytesMax?: number): Message {
  const [message] = makeMessages(event, [settings], messageBytesMax);
  assert.ok(message !== undefined);
  return message;
}

/** The messages that several streams make of one event. */
export function makeMessages(
  event: IdentifiedEvent,
  streams: readonly Partial<StreamSettings>[],
  messageBytesMax?: number,
): readonly Message[] {
  const making = maker(messageBytesMax);
  const content = new ContentValues(event, LIMITS);
  const prepared = making.prepare(event, content);
  const attributes = attributesOf(event, content);
  return streams.map((settings) => {
    const forStream = stream(settings);
    const key = making.key(prepared, forStream, attributes);
    const headers = making.headers(prepared, forStream, {}, attributes);
    return making.make(prepared, forStream, { number: EVIDENCE.rule }, "topic", key, EVIDENCE, headers);
  });
}

/** `a.{b}` as a template. */
export function template(text: string): Template {
  return text
    .split(/(\{[^}]*\})/)
    .filter((piece) => piece !== "")
    .map((piece) => (piece.startsWith("{") ? { name: piece.slice(1, -1) } : piece));
}

/** What a test reads of `data`: members of both types, each test knowing which it made. */
export type Data = z.output<typeof transactionData> & z.output<typeof agentData>;

/** Reads a message back: strictly as a CloudEvent, its data by the published schema, its bytes as UTF-8 on one line. */
export function readBack(message: Message): { readonly event: CloudEvent<unknown>; readonly data: Data } {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(message.value);
  assert.ok(!text.includes("\n") && !text.includes("\r"), "one line");
  const headers = Object.fromEntries(message.headers.map(([name, value]) => [name, value]));
  const event = HTTP.toEvent({ headers, body: text }) as CloudEvent<unknown>;
  assert.equal(event.validate(), true);
  assert.equal(new CloudEvent(JSON.parse(text) as object).validate(), true);
  const data = (JSON.parse(text) as { readonly data: Data }).data;
  (event.type === "dev.sidestream.agent" ? agentData : transactionData).parse(data);
  return { event, data };
}

/** Bytes of a message that count against its limit: value and headers. */
export function countedBytes({ headers, value }: Pick<Message, "headers" | "value">): number {
  return headers.reduce((bytes, [name, text]) => bytes + Buffer.byteLength(name) + Buffer.byteLength(text), value.length);
}

/** Reads a message in binary form as a reader of Kafka does: headers and value as bytes that must be UTF-8. */
export function readBinary(message: Message): CloudEvent<unknown> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const headers = Object.fromEntries(message.headers.map(([name, value]) => [name, decoder.decode(Buffer.from(value))]));
  assert.deepEqual(Object.entries(headers), message.headers, "each header once, nothing lost on the way");
  const value = decoder.decode(message.value);
  // The package takes the record's key for the partition key, and has no word for a record without one.
  const key = headers["ce_partitionkey"] as string;
  const record: KafkaMessage<string> = { headers, key, value, body: value };
  const event = Kafka.toEvent(record) as CloudEvent<unknown>;
  assert.equal(event.validate(), true);
  return event;
}

/** The data of the message that the stream makes of an event. */
export function dataOf(event: IdentifiedEvent, settings: Partial<StreamSettings> = {}, messageBytesMax?: number): Data {
  return readBack(makeMessage(event, settings, messageBytesMax)).data;
}

/** The paths that a message says were removed. */
export function removed(data: Data): readonly string[] {
  return data.redacted.map(({ path }) => path);
}
