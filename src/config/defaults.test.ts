import assert from "node:assert/strict";
import { before, test } from "node:test";
import { registerBuiltInDrivers } from "../drivers.ts";
import { MEMORY_BYTES_MAX, MEMORY_MESSAGES_MAX } from "../flow/transmit/memory-queue.ts";
import { quickConfiguration } from "./quick.ts";
import { streamSchema } from "./stream-schema.ts";
import { configFolder, loadFolder } from "./testing/config-folder.ts";

before(registerBuiltInDrivers);

const MIB = 2 ** 20;

test("every default is the one that the documentation promises", async (context) => {
  const folder = configFolder(context, {
    "sidestream.yaml": `version: 1
enabled: true
sources:
  front: { type: gateway, listen: ":9130", upstream: "http://localhost:9131" }
destinations:
  files: { type: file, path: out }
streams: [ a.yaml ]
`,
    "a.yaml": "stream: a\nrules:\n  - METHOD=POST , publish , files:a\n",
  });
  const { settings, dormant, health } = await loadFolder(folder);
  const options = settings.sources[0]?.options as Readonly<Record<string, unknown>>;
  const [destination] = settings.destinations;
  const [stream] = settings.streams;
  assert.ok(destination !== undefined && stream !== undefined);
  const { delivery, tenants, format } = streamSchema.parse({ stream: "a", rules: ["METHOD , ignore"] });

  assert.equal(options["capture"], "best-effort");
  assert.equal(options["whenNoRoom"], "pass");
  assert.equal(options["onCaptureFailure"], "release");
  assert.equal(delivery, "at-least-once");
  assert.equal(format, "cloudevents");
  assert.equal(tenants, "assigned");
  assert.deepEqual(dormant, [{ kind: "stream", name: "a", reason: "it is assigned to no tenant" }]);
  assert.equal(stream.key, null, "null stands for {tenant}/{entityId}, or {tenant}");
  assert.deepEqual(destination.spool, { bytesMax: 10 * 1024 * MIB, whenFull: "drop-newest", tenantSharePercent: 25, parkBytes: 256 * MIB });
  assert.deepEqual(destination.deadLetters, { keepMs: 30 * 24 * 3_600_000, bytesMax: 1024 * MIB });
  assert.equal(destination.inFlightMax, 1_000);
  assert.equal(destination.maxRate, null);
  assert.deepEqual(destination.memory, { messagesMax: MEMORY_MESSAGES_MAX, bytesMax: MEMORY_BYTES_MAX });
  assert.deepEqual(settings.limits, {
    messageBytesMax: 900 * 1024,
    topicsMax: 10_000,
    tenantLabelsMax: 5_000,
    handoverBytesMax: 256 * MIB,
    decodedBytesMax: 16 * MIB,
  });
  assert.deepEqual(health, { host: "127.0.0.1", port: 9464 });

  const quick = quickConfiguration({ listen: ":9130", upstream: "http://localhost:9131" }).settings;
  assert.equal(quick.streams[0]?.tenants, "all");
  const { capture, whenNoRoom } = quick.sources[0]?.options as Readonly<Record<string, unknown>>;
  assert.deepEqual({ capture, whenNoRoom }, { capture: "best-effort", whenNoRoom: "pass" });
  assert.deepEqual(quick.destinations[0]?.spool, destination.spool);
  assert.deepEqual(quick.limits, settings.limits);
});
