import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { API, type KafkaRequest } from "../../tools/faults/kafka-requests.ts";
import { FaultProxy } from "../../tools/faults/proxy.ts";
import { Moments } from "./moments.ts";

const LONG_MS = 60_000;
const request = (apiKey: number, state: KafkaRequest["state"]): KafkaRequest => ({ apiKey, state, correlationId: 1, bytes: 100 });

async function proxy(): Promise<FaultProxy> {
  return await FaultProxy.open({ upstream: { host: "127.0.0.1", port: 1 }, port: 0 });
}

test("a moment strikes once, within the request it was aimed at, at the proxy that this one passes", async () => {
  await using first = await proxy();
  await using second = await proxy();
  const moments = new Moments();
  const struck: unknown[] = [];
  const seen = moments.request({ api: "produce", state: "forwarded" }, LONG_MS, (at) => struck.push(at));
  moments.passed(request(API.fetch, "forwarded"), first);
  moments.passed(request(API.produce, "arrived"), first);
  deepEqual(struck, []);
  moments.passed(request(API.produce, "forwarded"), second);
  deepEqual([struck.length, struck[0] === second], [1, true]);
  moments.passed(request(API.produce, "forwarded"), first);
  await seen;
  deepEqual([struck.length, moments.missedCount], [1, 0]);
});

test("a moment that doesn't come strikes all the same, and is counted", async () => {
  const moments = new Moments();
  const struck: unknown[] = [];
  await moments.request({ api: "produce", state: "answered" }, 1, (at) => struck.push(at));
  await moments.refusal(1);
  deepEqual([struck, moments.missedCount], [[null], 2]);
});

test("a message that is going to be refused is a moment for all who wait for it", async () => {
  const moments = new Moments();
  const waiting = Promise.all([moments.refusal(LONG_MS), moments.refusal(LONG_MS)]);
  moments.acceptedLarge();
  await waiting;
  deepEqual(moments.missedCount, 0);
});
