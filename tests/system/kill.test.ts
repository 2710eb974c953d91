/**
 * The promise of `capture: durable`, held against SIGKILL: every request that was answered is in the files.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { Agent, createServer, request } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { readMessages, type TransactionData } from "./support/messages.ts";
import { command, freePort, start, statusWhen, stop, temporaryFolder, type Program } from "./support/program.ts";
import { seeded } from "./support/random.ts";

const ANSWERS_WANTED = 20_000;
const KILLS = 10;
const IN_FLIGHT_MAX = 100;
const KEYS = 200;
const CLIENTS = 32;

const configuration = (port: number, upstreamPort: number) => `
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
    platform:
      type: static
      tenant: [ { header: x-okapi-tenant } ]
      routes: [ { path: "/things/{id}", moduleName: mod-things } ]
destinations:
  out: { type: file, path: ./events, rotateBytes: 4MiB, inFlightMax: ${IN_FLIGHT_MAX} }
streams: [ ./stream.yaml ]
health: false
`;
const STREAM = `
stream: everything
tenants: all
rules: [ "METHOD=POST , publish , out:things" ]
`;

test("every answered request is delivered, in order per key, over ten kills", { timeout: 280_000 }, async (t) => {
  const { seed, next } = seeded();
  t.diagnostic(`seed ${seed}`);
  const folder = temporaryFolder(t);
  const upstream = createServer((incoming, outgoing) => {
    incoming.resume();
    incoming.on("end", () => outgoing.writeHead(201, { "content-type": "application/json" }).end('{"done":true}'));
  });
  upstream.listen(0, "127.0.0.1");
  await once(upstream, "listening");
  t.after(() => upstream.closeAllConnections());
  t.after(() => upstream.close());
  const port = await freePort();
  writeFileSync(join(folder, "sidestream.yaml"), configuration(port, (upstream.address() as { port: number }).port));
  writeFileSync(join(folder, "stream.yaml"), STREAM);

  const run = () => start(t, ["--config", join(folder, "sidestream.yaml")]);
  let program: Program = await run();
  /** Settles when the program runs: clients wait for it after a kill. */
  let running: Promise<unknown> = Promise.resolve();
  const killAt = Array.from({ length: KILLS }, () => Math.floor(next() * ANSWERS_WANTED * 0.95)).toSorted((left, right) => left - right);
  let kills = 0;
  let sent = 0;
  const answered = new Set<number>();

  const kill = async () => {
    program.process.kill("SIGKILL");
    await program.ended;
    program = await run();
  };
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  t.after(() => agent.destroy());
  const client = async (index: number) => {
    // A client owns its keys, so that the order of a key's requests is the client's own.
    const keys = Array.from({ length: KEYS / CLIENTS }, (_, at) => index + at * CLIENTS);
    while (answered.size < ANSWERS_WANTED) {
      const number = ++sent;
      const key = keys[number % keys.length] ?? 0;
      if (await post(agent, port, key, number)) answered.add(number);
      else await running;
      if (answered.size < (killAt[kills] ?? Number.POSITIVE_INFINITY)) continue;
      kills += 1;
      running = running.then(kill);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, index) => client(index)));
  await running;
  equal(kills, KILLS);

  const data = join(folder, "data");
  const status = statusWhen(data, ({ totals }) => totals.pending === 0);
  deepEqual(status.breaches, []);
  await stop(program);

  const messages = readMessages(join(folder, "events"));
  const numbers = messages.map(({ data: content }) => ((content as TransactionData).request.body as { number: number }).number);
  const distinct = new Set(numbers);
  const lost = [...answered].filter((number) => !distinct.has(number));
  t.diagnostic(`${sent} sent, ${answered.size} answered, ${messages.length} messages, ${messages.length - distinct.size} repeated`);
  equal(lost.length, 0, `answered requests that are not there: ${lost.slice(0, 20).join(", ")}`);
  ok(messages.length - distinct.size <= KILLS * IN_FLIGHT_MAX, `${messages.length - distinct.size} repeats`);
  for (const [key, order] of orderPerKey(
    messages.map(({ partitionkey }) => String(partitionkey)),
    numbers,
  )) {
    deepEqual(
      order,
      order.toSorted((left, right) => left - right),
      `order of ${key}`,
    );
  }
  const { totals } = status;
  equal(totals.accepted, totals.delivered + totals.dead + totals.dropped);
  equal(totals.delivered, distinct.size);
  const check = command(["spool", "fsck", "--data", data, "--json"]);
  equal(check.status, 0, check.stdout + check.stderr);
});

/** Numbers of each key in order of arrival, repeats left out. */
function orderPerKey(keys: readonly string[], numbers: readonly number[]): Map<string, number[]> {
  const seen = new Set<number>();
  const order = new Map<string, number[]>();
  for (const [at, number] of numbers.entries()) {
    if (seen.has(number)) continue;
    seen.add(number);
    const key = keys[at] ?? "";
    order.set(key, [...(order.get(key) ?? []), number]);
  }
  return order;
}

/** Posts once; false when the answer didn't come whole. */
function post(agent: Agent, port: number, key: number, number: number): Promise<boolean> {
  return new Promise((done) => {
    const headers = { "content-type": "application/json", "x-okapi-tenant": "diku" };
    const outgoing = request({ agent, host: "127.0.0.1", port, method: "POST", path: `/things/${key}`, headers }, (incoming) => {
      incoming.resume();
      incoming.on("end", () => done(incoming.complete && incoming.statusCode === 201));
      incoming.on("error", () => done(false));
    });
    outgoing.on("error", () => done(false));
    outgoing.end(JSON.stringify({ number, key, padding: "x".repeat(200) }));
  });
}
