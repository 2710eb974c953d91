import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { openSampleLibrary } from "./sample-library.ts";
import { runSampleTraffic } from "./sample-traffic.ts";
import type { Exchange, TrafficOptions } from "./sample-traffic.ts";

const noPause = async (): Promise<void> => undefined;

/** Runs traffic straight against a fresh sample library. */
async function exchanges(options: Partial<TrafficOptions> & { readonly requestCountMax: number }): Promise<Exchange[]> {
  const library = await openSampleLibrary();
  const seen: Exchange[] = [];
  const signal = new AbortController().signal;
  await runSampleTraffic({
    gatewayUrl: library.address,
    signal,
    pause: noPause,
    onExchange: (exchange) => seen.push(exchange),
    ...options,
  });
  await library.close();
  return seen;
}

test("the first requests show one of each kind, for both tenants", async () => {
  const seen = await exchanges({ requestCountMax: 18 });
  for (const tenant of ["diku", "testlib"]) {
    deepEqual(
      seen.filter((each) => each.tenant === tenant).map((each) => `${each.method} /${each.path.split(/[/?]/u)[1]} ${each.status}`),
      [
        "POST /authn 201",
        "GET /users 200",
        "GET /inventory 200",
        "POST /users 201",
        "GET /users 200",
        "PUT /users 204",
        "POST /circulation 201",
        "PUT /circulation 204",
        "GET /inventory 500",
      ],
    );
  }
});

test("a long day has reads, changes and failures, and every request is answered", async () => {
  const seen = await exchanges({ requestCountMax: 300, seed: 7 });
  const statuses = new Set(seen.map((each) => each.status));
  for (const status of [200, 201, 204, 404, 422, 500]) ok(statuses.has(status), `no request was answered ${status}`);
  equal(statuses.has(null), false);
});

test("the same seed gives the same requests, another seed others", async () => {
  const first = await exchanges({ requestCountMax: 60, seed: 3 });
  deepEqual(await exchanges({ requestCountMax: 60, seed: 3 }), first);
  const other = await exchanges({ requestCountMax: 60, seed: 4 });
  ok(JSON.stringify(other) !== JSON.stringify(first));
});

test("pauses keep the pace of about two requests a second", async () => {
  const waits: number[] = [];
  const pause = async (waitMs: number): Promise<void> => void waits.push(waitMs);
  await exchanges({ requestCountMax: 100, pause });
  const mean = waits.reduce((sum, wait) => sum + wait, 0) / waits.length;
  ok(mean > 450 && mean < 550, `the mean pause is ${mean} ms`);
  ok(Math.min(...waits) >= 350 && Math.max(...waits) <= 650);
});

test("an aborted signal ends the traffic, also during a pause", async () => {
  const library = await openSampleLibrary();
  const stop = new AbortController();
  const result = await runSampleTraffic({
    gatewayUrl: library.address,
    signal: stop.signal,
    requestsPerSecond: 0.001,
    onExchange: () => setImmediate(() => stop.abort()),
  });
  equal(result.sent, 1);
  await library.close();
});

test("a gateway that is gone is counted and ends nothing", async () => {
  const library = await openSampleLibrary();
  await library.close();
  const result = await runSampleTraffic({
    gatewayUrl: library.address,
    signal: new AbortController().signal,
    pause: noPause,
    requestCountMax: 3,
  });
  deepEqual(result, { sent: 3, unanswered: 3 });
});
