/**
 * A broker that answers as a test says, for what a real one does not do on demand: falling silent, being too old,
 * speaking nonsense. It knows the frames of Kafka's protocol and nothing else.
 */
import { Writer } from "@platformatic/kafka";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";

/** The answer's body; null: none ever; "cut": the connection ends. */
export type FakeAnswer = (version: number) => Writer | "cut" | null;

export interface FakeBroker {
  readonly address: string;
  readonly port: number;
  /** Api keys of the requests so far. */
  readonly requests: readonly number[];
}

export const METADATA = 3;
export const SASL_HANDSHAKE = 17;
export const API_VERSIONS = 18;
export const SASL_AUTHENTICATE = 36;

/** Requests whose answers have a header without tagged fields. */
const PLAIN_HEADERS: ReadonlySet<number> = new Set([SASL_HANDSHAKE, API_VERSIONS]);

/** Starts one; it ends with the test. Requests without an answer here get none. */
export async function fakeBroker(t: TestContext, answers: Readonly<Record<number, FakeAnswer>>): Promise<FakeBroker> {
  const sockets = new Set<Socket>();
  const requests: number[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    let received: Buffer = Buffer.alloc(0);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
        const frame = received.subarray(4, 4 + received.readInt32BE(0));
        received = received.subarray(4 + frame.length);
        requests.push(frame.readInt16BE(0));
        answer(socket, frame, answers);
      }
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { address: `127.0.0.1:${port}`, port, requests };
}

function answer(socket: Socket, frame: Buffer, answers: Readonly<Record<number, FakeAnswer>>): void {
  const apiKey = frame.readInt16BE(0);
  const body = answers[apiKey]?.(frame.readInt16BE(2)) ?? null;
  if (body === "cut") socket.destroy();
  if (body === "cut" || body === null) return;
  const header = Writer.create().appendInt32(frame.readInt32BE(4));
  if (!PLAIN_HEADERS.has(apiKey)) header.appendTaggedFields();
  socket.write(header.appendFrom(body).prependLength().buffer);
}

/** What a broker of Kafka 3.0 or newer knows of what this driver needs, save some requests. */
export function apiVersions(without: readonly number[] = []): FakeAnswer {
  const all = [0, METADATA, 10, SASL_HANDSHAKE, API_VERSIONS, 22, SASL_AUTHENTICATE, 61].filter((apiKey) => !without.includes(apiKey));
  return (version) => {
    const writer = Writer.create().appendInt16(0);
    // Version 1 is asked before a login; the client takes version 3 for the rest.
    const flexible = version >= 3;
    writer.appendArray(
      all,
      (w, apiKey) =>
        w
          .appendInt16(apiKey)
          .appendInt16(0)
          .appendInt16(apiKey === METADATA ? 12 : apiKey === SASL_AUTHENTICATE ? 2 : 9),
      flexible,
      flexible,
    );
    writer.appendInt32(0);
    return flexible ? writer.appendTaggedFields() : writer;
  };
}

export interface FakeTopic {
  readonly name: string;
  readonly id: string;
  readonly leaders: readonly number[];
}

export interface FakeCluster {
  readonly clusterId: string;
  readonly nodes: readonly (readonly [nodeId: number, port: number])[];
  readonly topics: readonly FakeTopic[];
}

/** Answers to Metadata version 12, of a cluster that a test may change meanwhile. */
export function metadata(cluster: () => FakeCluster): FakeAnswer {
  return () => {
    const { clusterId, nodes, topics } = cluster();
    return Writer.create()
      .appendInt32(0)
      .appendArray([...nodes], (w, [nodeId, port]) => w.appendInt32(nodeId).appendString("127.0.0.1").appendInt32(port).appendString(null))
      .appendString(clusterId)
      .appendInt32(nodes[0]?.[0] ?? -1)
      .appendArray([...topics], (w, { name, id, leaders }) => {
        w.appendInt16(0).appendString(name).appendUUID(id).appendBoolean(false);
        w.appendArray(
          leaders.map((leader, index) => ({ leader, index })),
          (w, { leader, index }) => {
            w.appendInt16(leader < 0 ? 5 : 0)
              .appendInt32(index)
              .appendInt32(leader)
              .appendInt32(0);
            for (const nodeIds of [[1, 2], [1, 2], []]) w.appendArray(nodeIds, (w, nodeId) => w.appendInt32(nodeId), true, false);
          },
        );
        w.appendInt32(-2_147_483_648);
      })
      .appendTaggedFields();
  };
}
