import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { OUTCOMES, QOS, type CaptureRecord, type RecordBody } from "../../driver/source.ts";
import { journalKey, type CapturedBody } from "../event.ts";
import { isSidestreamError } from "../../errors.ts";
import { Batcher, type SealedBatch } from "./batcher.ts";
import { decodeBatch } from "./decode.ts";
import { BATCH, BATCH_HEADER_BYTES, RECORD } from "./layout.ts";
import { encodeRecord, measureRecord, writeTarget } from "./record.ts";
import { agentRecord, bodyOf, transaction } from "./testing/records.ts";

const BOOT = Buffer.from("0011223344556677", "hex");
const BOOT_ID = "0011223344556677";
const SOURCES = ["front", "agents"];

/** Encodes records the way the edge does; the durable ones are those with an even place. */
function encode(records: readonly CaptureRecord[], sourceIndex = 0): ArrayBuffer[] {
  const buffers: ArrayBuffer[] = [];
  const batcher = new Batcher(BOOT, (batch: SealedBatch) => buffers.push(batch.buffer));
  for (const [index, record] of records.entries()) {
    batcher.add(record, { sourceIndex, recordNumber: index + 1, durable: index % 2 === 0 }, measureRecord(record), null);
  }
  batcher.flush();
  return buffers;
}

function decodeAll(buffers: readonly ArrayBuffer[]) {
  return buffers.flatMap((buffer) => decodeBatch(buffer, SOURCES).records);
}

function only(buffers: readonly ArrayBuffer[]): ArrayBuffer {
  const [buffer] = buffers;
  ok(buffer !== undefined && buffers.length === 1);
  return buffer;
}

/** A copy whose bytes a test may change. */
function copyOf(buffer: ArrayBuffer): { bytes: Buffer<ArrayBuffer>; view: DataView } {
  const bytes = Buffer.from(buffer.slice(0));
  return { bytes, view: new DataView(bytes.buffer) };
}

const token = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_|~-]{1,20}$/);
const visible = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 60,
});
const latin1Value = fc
  .string({
    unit: fc.oneof(
      fc.constant(" "),
      fc.constant("\t"),
      fc.integer({ min: 0x21, max: 0xff }).map((code) => String.fromCharCode(code)),
    ),
    maxLength: 80,
  })
  .map((value) => value.replaceAll(/^[ \t]+|[ \t]+$/g, ""));
const fields = fc.array(fc.tuple(token, latin1Value), { maxLength: 12 });
const body: fc.Arbitrary<RecordBody> = fc.record({
  slices: fc.array(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    { maxLength: 20 },
  ),
  sizeBytes: fc.maxSafeNat(),
  truncated: fc.boolean(),
});
const timeMs = fc.double({ min: 0, max: 8.64e15, noNaN: true });
const routes = fc.nat({ max: 0xffff_ffff });
/** Any code points, as fast-check's plain strings are ASCII only. */
const unicode = fc.string({ unit: "binary", maxLength: 40 });

function captured({ slices, sizeBytes, truncated }: RecordBody): CapturedBody {
  return { bytes: Buffer.concat(slices), sizeBytes, truncated };
}

const transactions = fc
  .record({
    method: token,
    target: visible,
    requestFields: fields,
    requestBody: body,
    status: fc.integer({ min: 100, max: 999 }),
    reason: latin1Value,
    responseFields: fields,
    responseBody: body,
    outcome: fc.constantFrom(...OUTCOMES),
    route: routes,
    startedMs: timeMs,
    durationMs: timeMs,
    remoteAddress: unicode,
    lineAtEnd: fc.boolean(),
  })
  .map((parts) => {
    const lines = (list: readonly (readonly [string, string])[]): string => list.map(([name, value]) => `\r\n${name}: ${value}`).join("");
    const end = parts.lineAtEnd ? "\r\n" : "";
    const { route, startedMs, durationMs, outcome, requestBody, responseBody, remoteAddress } = parts;
    const record: CaptureRecord = {
      kind: "transaction",
      route,
      startedMs,
      durationMs,
      outcome,
      requestBody,
      responseBody,
      remoteAddress,
      requestHead: `${parts.method} ${parts.target} HTTP/1.1${lines(parts.requestFields)}${end}`,
      responseHead: `HTTP/1.1 ${parts.status} ${parts.reason}${lines(parts.responseFields)}${end}`,
    };
    const expected = {
      kind: "transaction",
      source: "front",
      sourcePosition: 0,
      timeMs: startedMs,
      agent: null,
      transaction: {
        method: parts.method,
        target: parts.target,
        httpVersion: "1.1",
        requestHeaders: parts.requestFields.flat(),
        requestBody: captured(requestBody),
        status: parts.status,
        responseHeaders: parts.responseFields.flat(),
        responseBody: captured(responseBody),
        outcome,
        durationMs,
        remoteAddress,
      },
    };
    return { record, expected, id: null };
  });

const given = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });
const filled = unicode.filter((text) => text !== "");
const facts = fc.record({ label: filled, agent: filled, recordId: filled, qos: fc.constantFrom(...QOS) }, { requiredKeys: [] });
const places = fc.record({
  position: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  resumes: fc.boolean(),
  isRepeated: fc.boolean(),
});
const agents = fc
  .record({
    id: unicode,
    topic: unicode,
    wallet: fc.option(unicode),
    payload: body,
    route: routes,
    startedMs: timeMs,
    facts,
    place: given(places),
  })
  .map(({ id, topic, wallet, payload, route, startedMs, facts: told, place }) => {
    const common = { id, topic, wallet, payload, route, startedMs, ...told };
    const record: CaptureRecord = { kind: "agent", ...common, ...(place === undefined ? {} : { place }) };
    const journal = place && { key: journalKey("front", id), resumes: place.resumes, isRepeated: place.isRepeated };
    const expected = {
      kind: "agent",
      source: "front",
      sourcePosition: place?.position ?? 0,
      timeMs: startedMs,
      transaction: null,
      agent: { topic, wallet, payload: captured(payload), ...told, ...(journal === undefined ? {} : { journal }) },
    };
    return { record, expected, id };
  });

test("every field of every record comes back as it was handed in", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(transactions, agents), { minLength: 1, maxLength: 12 }), (cases) => {
      const decoded = decodeAll(encode(cases.map(({ record }) => record)));
      deepEqual(
        decoded.map(({ event, durable, recordNumber }) => ({ event, durable, recordNumber })),
        cases.map(({ expected, id }, index) => ({
          event: { id: id ?? `${BOOT_ID}-${index + 1}`, ...expected },
          durable: index % 2 === 0,
          recordNumber: index + 1,
        })),
      );
    }),
    { numRuns: 200 },
  );
});

test("a record of 1 MiB bodies in many slices travels whole, in a batch of its own size", () => {
  const slices = Array.from({ length: 1024 }, (_, index) => Buffer.alloc(1024, index));
  const record = transaction("/settle", { requestBody: bodyOf(...slices), responseBody: bodyOf(...slices) });
  const buffer = only(encode([record]));
  equal(buffer.byteLength, BATCH_HEADER_BYTES + measureRecord(record));
  const exchange = decodeAll([buffer])[0]?.event.transaction;
  ok(exchange?.requestBody.bytes.equals(Buffer.concat(slices)));
  ok(exchange?.responseBody.bytes.equals(Buffer.concat(slices)));
});

test("bodies are views of the batch, not copies", () => {
  const buffer = only(encode([transaction("/settle")]));
  equal(decodeAll([buffer])[0]?.event.transaction?.requestBody.bytes.buffer, buffer);
});

test("a record number beyond 2^32 keeps its value", () => {
  const record = transaction("/settle");
  const bytes = Buffer.alloc(measureRecord(record));
  const recordNumber = Number.MAX_SAFE_INTEGER;
  encodeRecord(writeTarget(bytes), 0, record, { sourceIndex: 0, recordNumber, durable: true });
  equal(bytes.readBigUInt64LE(RECORD.number), BigInt(recordNumber));
});

test("a client that left before the answer makes an event with status 0", () => {
  const [decoded] = decodeAll(encode([transaction("/settle", { responseHead: "", outcome: "client-aborted" })]));
  equal(decoded?.event.transaction?.status, 0);
  deepEqual(decoded?.event.transaction?.responseHeaders, []);
});

for (const [what, record, place] of [
  ["a head with characters beyond latin1", transaction("/snowman-\u2603"), /request head/],
  ["an address that is too long", transaction("/x", { remoteAddress: "a".repeat(70_000) }), /remote address/],
  ["a duration that is no time", transaction("/x", { durationMs: Number.NaN }), /duration/],
  ["a start that is no time", transaction("/x", { startedMs: Infinity }), /start/],
  ["a route that is no index", transaction("/x", { route: -1 }), /route/],
  [
    "a body size that is no number of bytes",
    transaction("/x", { requestBody: { slices: [], sizeBytes: 0.5, truncated: false } }),
    /request body/,
  ],
  ["an outcome that nobody knows", transaction("/x", { outcome: "sideways" as "complete" }), /outcome/],
  [
    "a record beyond 4 GiB",
    agentRecord("1", { payload: { slices: [{ length: 2 ** 32 } as Buffer], sizeBytes: 0, truncated: true } }),
    /larger/,
  ],
] as const) {
  test(`${what} is refused before anything is written`, () => {
    throws(
      () => measureRecord(record),
      (error) => isSidestreamError(error) && error.code === "SST_HANDOVER_INVALID" && place.test(error.message),
    );
  });
}

test("a batch with any bytes changed, cut or added decodes or is refused by a clean error", () => {
  const records = [transaction("/settle"), agentRecord("a-1"), agentRecord("a-2", { wallet: null }), transaction("/hold")];
  const valid = only(encode(records));
  const change = fc.record({
    at: fc.nat({ max: valid.byteLength - 1 }),
    value: fc.constantFrom(0, 1, 2, 0x0a, 0x0d, 0x20, 0x3a, 0x7f, 0x80, 0xff),
  });
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 8 }),
      fc.option(fc.nat({ max: valid.byteLength })),
      fc.uint8Array({ maxLength: 8 }),
      (changes, cutAt, tail) => {
        const { bytes } = copyOf(valid);
        for (const { at, value } of changes) bytes[at] = value;
        const mutated = Buffer.concat([bytes.subarray(0, cutAt ?? bytes.length), tail]);
        const buffer = mutated.buffer.slice(mutated.byteOffset, mutated.byteOffset + mutated.length);
        try {
          const batch = decodeBatch(buffer, SOURCES);
          equal(batch.records.length + batch.undecodable.length, new DataView(buffer).getUint32(BATCH.recordCount, true));
          for (const { error } of batch.undecodable) equal(error.code, "SST_HANDOVER_INVALID");
        } catch (error) {
          ok(isSidestreamError(error) && error.code === "SST_HANDOVER_INVALID", String(error));
        }
      },
    ),
    { numRuns: 3000 },
  );
});

test("a record whose inside is broken is set apart with its place, and the ones around it decode", () => {
  const valid = only(encode([transaction("/a"), transaction("/b"), transaction("/c")]));
  const { bytes } = copyOf(valid);
  bytes.write("POST/b", bytes.indexOf("POST /b"), "latin1");
  const batch = decodeBatch(bytes.buffer, SOURCES);
  deepEqual(
    batch.records.map(({ recordNumber }) => recordNumber),
    [1, 3],
  );
  equal(batch.undecodable.length, 1);
  const [broken] = batch.undecodable;
  equal(broken?.recordNumber, 2);
  equal(broken.durable, false);
  ok(/^batch 1, record 2 of 3 at byte \d+: request head: /.test(broken.error.message), broken.error.message);
});

for (const [what, spoil, message] of [
  ["whose magic is wrong", (view: DataView) => view.setUint8(0, 0), /not a batch/],
  ["of another version", (view: DataView) => view.setUint8(BATCH.version, 9), /version 9/],
  ["with bytes set that are kept for later", (view: DataView) => view.setUint8(BATCH.zero, 1), /kept for later/],
  ["that is shorter than its header says", (view: DataView) => view.setUint32(BATCH.bytes, 1 << 20, true), /its header says/],
  [
    "with fewer records than its header says",
    (view: DataView) => view.setUint32(BATCH.recordCount, 2, true),
    /record 2 of 2 at byte \d+: the batch ends/,
  ],
  ["with more records than its header says", (view: DataView) => view.setUint32(BATCH.recordCount, 0, true), /follow its last record/],
  ["whose number is out of range", (view: DataView) => view.setUint32(BATCH.number + 4, 0xffff_ffff, true), /out of range/],
  [
    "whose record is longer than the batch",
    (view: DataView) => view.setUint32(BATCH_HEADER_BYTES, 1 << 20, true),
    /record 1 of 1 at byte 40: its length/,
  ],
  [
    "whose record number is out of range",
    (view: DataView) => view.setUint32(BATCH_HEADER_BYTES + RECORD.number + 4, 0xffff_ffff, true),
    /its number/,
  ],
] as const) {
  test(`a batch ${what} is refused whole, by a message that names the place`, () => {
    const { bytes, view } = copyOf(only(encode([transaction("/a")])));
    spoil(view);
    throws(() => decodeBatch(bytes.buffer, SOURCES), { code: "SST_HANDOVER_INVALID", message });
  });
}

for (const [what, record, spoil, message] of [
  ["of an unknown kind", transaction("/a"), (view: DataView, at: number) => view.setUint8(at + RECORD.kind, 9), /kind 9/],
  ["of an unknown source", transaction("/a"), (view: DataView, at: number) => view.setUint16(at + RECORD.source, 9, true), /source/],
  ["with flags that are not known", transaction("/a"), (view: DataView, at: number) => view.setUint8(at + RECORD.flags, 0xff), /flags 255/],
  [
    "that began at no time",
    transaction("/a"),
    (view: DataView, at: number) => view.setFloat64(at + RECORD.startedMs, Number.NaN, true),
    /start/,
  ],
  ["with a duration below zero", transaction("/a"), (view: DataView, at: number) => view.setFloat64(at + 28, -1, true), /duration/],
  ["with an unknown outcome", transaction("/a"), (view: DataView, at: number) => view.setUint8(at + 36, 99), /outcome/],
  ["with a body size beyond 2^53", transaction("/a"), (view: DataView, at: number) => view.setUint32(at + 52, 0xffff_ffff, true), /2\^53/],
  ["whose parts don't add up", transaction("/a"), (view: DataView, at: number) => view.setUint32(at + 44, 1, true), /its parts take/],
  [
    "of an agent whose parts don't add up",
    agentRecord("1"),
    (view: DataView, at: number) => view.setUint32(at + 28, 99, true),
    /its parts take/,
  ],
  [
    "of an agent that has a wallet and none",
    agentRecord("1"),
    (view: DataView, at: number) => view.setUint8(at + RECORD.flags, 0),
    /wallet/,
  ],
] as const) {
  test(`a record ${what} is set apart`, () => {
    const { bytes, view } = copyOf(only(encode([record])));
    spoil(view, BATCH_HEADER_BYTES);
    const { records, undecodable } = decodeBatch(bytes.buffer, SOURCES);
    equal(records.length, 0);
    ok(message.test(undecodable[0]?.error.message ?? ""), undecodable[0]?.error.message);
  });
}

test("an error tells the place and never the content of a head", () => {
  const record = transaction("/a", { requestHead: "GET / HTTP/1.1\r\nHost: a\r\nX-Okapi-Token secret" });
  const { undecodable } = decodeBatch(only(encode([record])), SOURCES);
  equal(undecodable[0]?.error.message.includes("secret"), false);
  ok(undecodable[0].error.message.endsWith('field line 2 is not "name: value"'), undecodable[0].error.message);
});
