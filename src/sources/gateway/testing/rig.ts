/** A gateway between raw clients and a scripted upstream, with a fake capture port behind it. */
import type { TestContext } from "node:test";
import type { z } from "zod";
import type { SourceConnection, TransactionRecord } from "../../../driver/source.ts";
import { FakePort } from "../../../driver/testing/fake-port.ts";
import { RawClient } from "../../../driver/testing/raw-client.ts";
import { RawUpstream } from "../../../driver/testing/raw-upstream.ts";
import type { UpstreamScript } from "../../../driver/testing/raw-upstream.ts";
import { gateway } from "../gateway.ts";
import { gatewayOptions } from "../options.ts";

export type RigOptions = Partial<z.input<typeof gatewayOptions>>;

export interface Rig {
  readonly port: FakePort;
  readonly upstream: RawUpstream;
  readonly gateway: SourceConnection;
  client(): Promise<RawClient>;
  /** A client that has sent this. */
  send(text: string | Buffer): Promise<RawClient>;
  /** The record of this number, from 0, once it was handed in. */
  record(number: number): Promise<TransactionRecord>;
}

/** Starts all three; the test's end stops them. */
export async function startRig(t: TestContext, options: RigOptions, script: UpstreamScript): Promise<Rig> {
  const port = new FakePort();
  const upstream = await RawUpstream.listen(script);
  const clients: RawClient[] = [];
  const parsed = gatewayOptions.parse({ listen: "127.0.0.1:0", upstream: upstream.origin, ...options });
  const connection = await gateway.open(parsed, {
    name: "front",
    port,
    notice: () => undefined,
    dataFolder: "",
    signal: new AbortController().signal,
  });
  t.after(async () => {
    for (const { socket } of clients) socket.destroy();
    upstream.close();
    await connection.close(0);
  });
  const client = async (): Promise<RawClient> => {
    const connected = await RawClient.connect(connection.address);
    clients.push(connected);
    return connected;
  };
  return {
    port,
    upstream,
    gateway: connection,
    client,
    send: async (text) => (await client()).send(text),
    record: async (number) => {
      await port.records(number + 1);
      const record = port.kept[number]?.record;
      if (record?.kind !== "transaction") throw new Error("not a transaction");
      return record;
    },
  };
}

/** A request without body. */
export function get(path: string, ...fields: string[]): string {
  return `GET ${path} HTTP/1.1\r\n${["Host: example.org", ...fields].map((field) => `${field}\r\n`).join("")}\r\n`;
}

/** A response with a body of known length. */
export function ok(body: string, ...fields: string[]): string {
  return `HTTP/1.1 200 OK\r\n${[...fields, `Content-Length: ${body.length}`].map((field) => `${field}\r\n`).join("")}\r\n${body}`;
}
