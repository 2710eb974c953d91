/** Records for tests: whole, and with one thing changed. */
import type { AgentRecord, RecordBody, TransactionRecord } from "../../../driver/source.ts";

export function bodyOf(...slices: readonly (string | Buffer)[]): RecordBody {
  const buffers = slices.map((slice) => (typeof slice === "string" ? Buffer.from(slice) : slice));
  return { slices: buffers, sizeBytes: buffers.reduce((sum, slice) => sum + slice.length, 0), truncated: false };
}

/** A transaction whose target says what the scripted engine does with it. */
export function transaction(target: string, changes: Partial<TransactionRecord> = {}): TransactionRecord {
  return {
    kind: "transaction",
    route: 0,
    startedMs: 1_700_000_000_000,
    durationMs: 12.5,
    outcome: "complete",
    requestHead: `POST ${target} HTTP/1.1\r\nHost: okapi\r\nX-Okapi-Tenant: diku`,
    requestBody: bodyOf('{"id":"1"}'),
    responseHead: "HTTP/1.1 201 Created\r\nContent-Type: application/json",
    responseBody: bodyOf('{"id":"1","ok":true}'),
    remoteAddress: "127.0.0.1",
    ...changes,
  };
}

export function agentRecord(id: string, changes: Partial<AgentRecord> = {}): AgentRecord {
  return {
    kind: "agent",
    route: 0,
    startedMs: 1_700_000_000_000,
    id,
    topic: "acapy::settle",
    wallet: "w1",
    payload: bodyOf("{}"),
    ...changes,
  };
}
