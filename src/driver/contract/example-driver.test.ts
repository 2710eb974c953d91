import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { destinationContract } from "./destination-contract.ts";
import { post } from "./example-driver.ts";
import type { DestinationHarness, ReceivedMessage } from "./harness.ts";

/** A service that keeps what is posted to it. */
function service(): DestinationHarness {
  let received: ReceivedMessage[] = [];
  let postsUntilFailure = Infinity;
  let port = 0;

  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const value = Buffer.concat(chunks);
      if (request.method !== "POST") return void response.writeHead(204).end();
      if (postsUntilFailure-- === 0) return void response.writeHead(503).end();
      if (value.length > 1024 * 1024) return void response.writeHead(413).end();
      if (value.toString() === "unwanted") return void response.writeHead(422).end();
      received.push({
        topic: decodeURIComponent((request.url ?? "").slice(1)),
        key: decodeURIComponent(String(request.headers["sidestream-key"])),
        headers: JSON.parse(decodeURIComponent(String(request.headers["sidestream-headers"]))) as [string, string][],
        value,
      });
      response.writeHead(204).end();
    });
  };
  let server = createServer(answer);
  const start = async (): Promise<void> => {
    server = createServer(answer).listen(port, "127.0.0.1");
    await once(server, "listening");
    port = (server.address() as AddressInfo).port;
  };
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };

  return {
    async options() {
      received = [];
      postsUntilFailure = Infinity;
      port = 0;
      await start();
      return { url: `http://127.0.0.1:${port}` };
    },
    received: async () => received,
    cleanup: stop,
    start,
    stop,
    async failNext(index) {
      postsUntilFailure = index;
    },
    backlogCount: 200,
    oversizeBytes: 1024 * 1024 + 1,
    refused: { value: Buffer.from("unwanted") },
  };
}

destinationContract(post, service());

test("the example in docs/writing-a-driver.md is this driver", () => {
  const docs = readFileSync(new URL("../../../docs/writing-a-driver.md", import.meta.url), "utf8");
  const code = readFileSync(new URL("example-driver.ts", import.meta.url), "utf8").replace('"../index.ts"', '"sidestream/driver"');
  assert(docs.includes(`\`\`\`ts\n${code}\`\`\``), "the code in the document differs from example-driver.ts");
});
