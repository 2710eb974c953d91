/** A webhook source over a port that keeps what it is given, and posts to send to it. */
import type { TestContext } from "node:test";
import type { z } from "zod";
import type { AgentRecord, SourceConnection } from "../../../driver/source.ts";
import { FakePort } from "../../../driver/testing/fake-port.ts";
import { RawClient } from "../../../driver/testing/raw-client.ts";
import { acapyWebhook } from "../acapy-webhook.ts";
import { webhookOptions } from "../options.ts";

export interface Rig {
  readonly port: FakePort;
  readonly source: SourceConnection;
  /** Sends it on a connection of its own. */
  send(text: string | Buffer): Promise<RawClient>;
  agentRecord(number: number): AgentRecord;
}

export async function startRig(t: TestContext, options: Partial<z.input<typeof webhookOptions>> = {}): Promise<Rig> {
  const port = new FakePort();
  const parsed = webhookOptions.parse({ listen: "127.0.0.1:0", ...options });
  const source = await acapyWebhook.open(parsed, {
    name: "agents",
    port,
    notice: () => undefined,
    dataFolder: "",
    signal: new AbortController().signal,
  });
  t.after(() => source.close(0));
  return {
    port,
    source,
    send: async (text) => (await RawClient.connect(source.address)).send(text),
    agentRecord: (number) => {
      const record = port.kept[number]?.record;
      if (record?.kind !== "agent") throw new Error("not an agent's record");
      return record;
    },
  };
}

export function post(path: string, body: string | Buffer, ...fields: string[]): Buffer {
  const bytes = Buffer.from(body);
  const head = [`POST ${path} HTTP/1.1`, "Host: h", ...fields, `Content-Length: ${bytes.length}`].join("\r\n");
  return Buffer.concat([Buffer.from(`${head}\r\n\r\n`, "latin1"), bytes]);
}
