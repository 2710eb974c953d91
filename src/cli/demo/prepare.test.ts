import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { loadConfiguration } from "../../config/load.ts";
import { file } from "../../destinations/file/file.ts";
import { kafkaOptions } from "../../destinations/kafka/options.ts";
import { defineDestination } from "../../driver/destination.ts";
import { registerDestination, registerSource } from "../../driver/registry.ts";
import { gateway } from "../../sources/gateway/gateway.ts";
import { prepareDemo } from "./prepare.ts";
import type { PreparedDemo } from "./prepare.ts";

before(() => {
  registerSource(gateway);
  registerDestination(file);
  registerDestination(
    defineDestination({
      type: "kafka",
      summary: "Kafka's options, without Kafka",
      options: kafkaOptions,
      promises: { ordered: true, deduplicates: true, lanes: 1 },
      open: () => Promise.reject(new Error("nothing is opened here")),
    }),
  );
});

async function withDemo(use: (demo: PreparedDemo, folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-demo-"));
  const demo = await prepareDemo(folder);
  try {
    await use(demo, folder);
  } finally {
    await demo.upstream.close();
    rmSync(folder, { recursive: true });
  }
}

test("the demo's configuration is in order: no warning, nothing dormant", async () => {
  await withDemo(async (demo) => {
    const { settings, enabled, warnings, dormant } = await loadConfiguration(demo.configurationFile, { environment: {} });
    equal(enabled, true);
    deepEqual(warnings, []);
    deepEqual(dormant, []);
    deepEqual(settings.streams.map((stream) => stream.id).toSorted(), ["circulation-analytics", "errors-monitoring", "users-audit"]);
    deepEqual(
      settings.destinations.map(({ name, type }) => ({ name, type })),
      [{ name: "events", type: "file" }],
    );
  });
});

test("with Kafka each message of the files goes there too, topics being made, and the configuration is in order", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-demo-"));
  const demo = await prepareDemo(folder, { kafka: "127.0.0.1:9092, [::1]:9093" });
  try {
    const { settings, warnings, dormant } = await loadConfiguration(demo.configurationFile, { environment: {} });
    deepEqual([warnings, dormant], [[], []]);
    const kafka = settings.destinations.find(({ name }) => name === "kafka1");
    deepEqual(kafka?.type, "kafka");
    const { brokers, createTopics } = kafka.options as { readonly brokers: unknown; readonly createTopics: unknown };
    deepEqual(brokers, ["127.0.0.1:9092", "[::1]:9093"]);
    deepEqual(createTopics, {});
    const targets = settings.streams.flatMap(({ rules }) => rules.flatMap((rule) => rule.targets));
    const topicsOf = (destination: string) => targets.filter((target) => target.destination === destination).map(({ topic }) => topic);
    equal(topicsOf("events").length, 4);
    deepEqual(topicsOf("kafka1"), topicsOf("events"));
    for (const text of readdirSync(join(folder, "streams")).map((name) => readFileSync(join(folder, "streams", name), "utf8")))
      match(text, /expect: \[ events:(\S+), kafka1:\1 \]/);
  } finally {
    await demo.upstream.close();
    rmSync(folder, { recursive: true });
  }
});

test("the configuration leads to the sample library and to the events folder", async () => {
  await withDemo(async (demo) => {
    const { settings } = await loadConfiguration(demo.configurationFile, { environment: {} });
    equal((settings.sources[0]?.options as { upstream: string }).upstream, demo.upstream.address);
    equal((settings.destinations[0]?.options as { path: string }).path, demo.eventsFolder);
    const groups = await fetch(`${demo.upstream.address}/groups`, { headers: { "x-okapi-tenant": "diku" } });
    equal(groups.status, 200);
  });
});

test("the prepared traffic is sent where it is told to, until it is told to end", async () => {
  await withDemo(async (demo) => {
    const stop = new AbortController();
    const statuses: (number | null)[] = [];
    const { sent } = await demo.startTraffic(demo.upstream.address, stop.signal, ({ status }) => {
      statuses.push(status);
      stop.abort();
    });
    equal(sent, 1);
    deepEqual(statuses, [201]);
  });
});

test("a path with quotes and line breaks stays a path", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-demo-'\"\n: #-"));
  const demo = await prepareDemo(folder);
  const { settings } = await loadConfiguration(demo.configurationFile, { environment: {} });
  equal((settings.destinations[0]?.options as { path: string }).path, join(folder, "events"));
  await demo.upstream.close();
  rmSync(folder, { recursive: true });
});

test("a folder that can't be made leaves no sample library behind", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-demo-"));
  writeFileSync(join(folder, "taken"), "");
  await rejects(prepareDemo(join(folder, "taken")), { code: "EEXIST" });
  rmSync(folder, { recursive: true });
});

test("the texts say what they are for", async () => {
  await withDemo(async (_demo, folder) => {
    for (const name of [
      "sidestream.yaml",
      "streams/users-audit.yaml",
      "streams/circulation-analytics.yaml",
      "streams/errors-monitoring.yaml",
    ]) {
      match(readFileSync(join(folder, name), "utf8"), /^# [A-Z]/u);
    }
  });
});
