/**
 * Clients of a gateway that captures `durable`: they note what was answered, wait while the program is down, and let a
 * test do something at chosen moments.
 */
import { deepEqual } from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer, request } from "node:http";
import type { TestContext } from "node:test";
import type { TestHost } from "./test-host.ts";

const CLIENTS = 32;
const KEYS = 200;

/** What happens once so many requests were answered; clients whose requests fail meanwhile wait for it. */
export interface Event {
  readonly at: number;
  readonly run: () => Promise<void>;
}

export interface ClientsOutcome {
  /** Numbers of the requests that were answered whole. */
  readonly answered: ReadonlySet<number>;
  readonly sentCount: number;
}

/** A gateway that answers for nothing it didn't keep, before a server that answers. @param destination - Its name and options, as YAML. */
export function durableConfiguration(port: number, upstreamPort: number, destination: string, bodyBytesMax = "900KiB"): string {
  return `
version: 1
enabled: true
instance: kill-test
data: ./data
sources:
  front:
    type: gateway
    listen: "127.0.0.1:${port}"
    upstream: "http://127.0.0.1:${upstreamPort}"
    capture: durable
    whenNoRoom: refuse
    onCaptureFailure: abort
    bodyBytesMax: ${bodyBytesMax}
    platform:
      type: static
      tenant: [ { header: x-okapi-tenant } ]
      routes: [ { path: "/things/{id}", moduleName: mod-things } ]
destinations:
  ${destination}
streams: [ ./stream.yaml ]
health: false
`;
}

/** A server that answers every request with 201. */
export async function startAnswering(test: TestHost): Promise<number> {
  const upstream = createServer((incoming, outgoing) => {
    incoming.resume();
    incoming.on("end", () => outgoing.writeHead(201, { "content-type": "application/json" }).end('{"done":true}'));
  });
  upstream.listen(0, "127.0.0.1");
  await once(upstream, "listening");
  test.after(() => upstream.closeAllConnections());
  test.after(() => upstream.close());
  return (upstream.address() as { port: number }).port;
}

/** Posts to /things/KEY until so many were answered. Events run one after the other, in order. */
export async function runClients(
  test: TestContext,
  port: number,
  answersWanted: number,
  events: readonly Event[],
): Promise<ClientsOutcome> {
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  test.after(() => agent.destroy());
  const answered = new Set<number>();
  let sentCount = 0;
  let done = 0;
  let running: Promise<unknown> = Promise.resolve();
  const client = async (index: number) => {
    // A client owns its keys, so that the order of a key's requests is the client's own.
    const keys = Array.from({ length: KEYS / CLIENTS }, (_, at) => index + at * CLIENTS);
    while (answered.size < answersWanted) {
      const number = ++sentCount;
      const key = keys[number % keys.length] ?? 0;
      if (await post(agent, port, key, number)) answered.add(number);
      else await running;
      const event = events[done];
      if (event === undefined || answered.size < event.at) continue;
      done += 1;
      running = running.then(() => event.run());
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, index) => client(index)));
  await running;
  deepEqual(done, events.length, "all events came");
  return { answered, sentCount };
}

/** Checks that the numbers of each key rise, repeats left out. */
export function assertOrderPerKey(messages: readonly { readonly key: string; readonly number: number }[]): void {
  const seen = new Set<number>();
  const order = new Map<string, number[]>();
  for (const { key, number } of messages) {
    if (seen.has(number)) continue;
    seen.add(number);
    const numbers = order.get(key) ?? [];
    numbers.push(number);
    order.set(key, numbers);
  }
  for (const [key, numbers] of order)
    deepEqual(
      numbers,
      numbers.toSorted((left, right) => left - right),
      `order of ${key}`,
    );
}

/** Posts once; false when the answer didn't come whole. */
export function post(agent: Agent, port: number, key: number, number: number, paddingBytes = 200): Promise<boolean> {
  return new Promise((done) => {
    const headers = { "content-type": "application/json", "x-okapi-tenant": "diku" };
    const outgoing = request({ agent, host: "127.0.0.1", port, method: "POST", path: `/things/${key}`, headers }, (incoming) => {
      incoming.resume();
      incoming.on("end", () => done(incoming.complete && incoming.statusCode === 201));
      incoming.on("error", () => done(false));
    });
    outgoing.on("error", () => done(false));
    outgoing.end(JSON.stringify({ number, key, padding: "x".repeat(paddingBytes) }));
  });
}
