import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { hostInstance } from "./load.ts";
import { configFolder, findingsOf, linesOf, loadFolder } from "./testing/config-folder.ts";
import { registerFakeDrivers } from "./testing/fake-drivers.ts";

before(registerFakeDrivers);

const STREAM = "stream: audit\ntenants: all\nrules:\n  - METHOD=POST , publish , files:audit\n";
const FRONT = "sources:\n  front: { type: gateway, upstream: 'http://localhost:1' }\n";

test("defaults are those of the design", async (context) => {
  const folder = configFolder(context, {
    "sidestream.yaml": `version: 1\n${FRONT}destinations:\n  files: { type: file, path: out }\nstreams: [ streams/*.yaml ]\n`,
    "streams/audit.yaml": STREAM,
  });
  const { settings, enabled, health, dormant, files } = await loadFolder(folder);
  assert.equal(enabled, false);
  assert.deepEqual(health, { host: "127.0.0.1", port: 9464 });
  assert.deepEqual(dormant, []);
  assert.deepEqual(files, [join(folder, "sidestream.yaml"), join(folder, "streams/audit.yaml")]);
  assert.equal(settings.instance, hostInstance(hostname()));
  assert.equal(settings.env, "default");
  assert.equal(settings.dataFolder, join(folder, "sidestream-data"));
  assert.deepEqual(settings.limits, {
    messageBytesMax: 900 * 1024,
    topicsMax: 10_000,
    tenantLabelsMax: 5_000,
    handoverBytesMax: 256 * 1024 * 1024,
    decodedBytesMax: 16 * 1024 * 1024,
  });
  assert.deepEqual(settings.sources, [
    {
      name: "front",
      type: "gateway",
      platform: { type: "none", tenant: { header: null, default: "default" } },
      defaultTenant: "default",
      options: { listen: ":9130", upstream: "http://localhost:1", capture: "best-effort", connectionsMax: 100, secure: false, routes: [] },
    },
  ]);
  assert.deepEqual(settings.destinations, [
    {
      name: "files",
      type: "file",
      options: { path: "out" },
      spool: { bytesMax: 10 * 2 ** 30, whenFull: "drop-newest", tenantSharePercent: 25, parkBytes: 2 ** 28 },
      deadLetters: { keepMs: 30 * 86_400_000, bytesMax: 2 ** 30 },
      retain: null,
      inFlightMax: 1_000,
      maxRate: null,
      memory: { messagesMax: 10_000, bytesMax: 16 * 1024 * 1024 },
      dormant: null,
    },
  ]);
  const [stream] = settings.streams;
  assert.ok(stream !== undefined);
  assert.match(stream.revision, /^[0-9a-f]{12}$/);
  assert.deepEqual(
    { ...stream, rules: [], revision: "" },
    {
      id: "audit",
      title: "audit",
      revision: "",
      tenants: "all",
      key: null,
      delivery: "at-least-once",
      format: "cloudevents",
      headers: [],
      body: { bytesMax: 900 * 1024, types: ["json", "text", "form", "multipart", "binary"] },
      keep: null,
      redact: [],
      rules: [],
    },
  );
  assert.deepEqual(
    stream.rules.map(({ number, action, targets }) => ({ number, action, targets })),
    [{ number: 1, action: "publish", targets: [{ destination: "files", topic: ["audit"] }] }],
  );
});

test("settings are plain data that can be handed to another thread", async (context) => {
  const folder = configFolder(context, { "sidestream.yaml": `version: 1\n${FRONT}streams: [ a.yaml ]\n`, "a.yaml": STREAM });
  const { settings } = await loadFolder(folder);
  assert.deepEqual(structuredClone(settings), settings);
});

test("paths in the files are relative to the configuration, and shown as the user named it", async (context) => {
  const folder = configFolder(context, {
    "sidestream.yaml": "version: 1\nstreams: [ ./streams/a.yaml ]\ndata: ../elsewhere\n",
    "streams/a.yaml": "stream: a\n",
  });
  const findings = await findingsOf(folder);
  assert.deepEqual(
    findings.map(({ file }) => file),
    [join(folder, "streams/a.yaml")],
  );
});

test("patterns pass over names that begin with a dot, and each file is read once", async (context) => {
  const folder = configFolder(context, {
    "sidestream.yaml": "version: 1\nstreams: [ 'streams/**/*.yaml', 'streams/a.yaml', 'none/*.yaml' ]\n",
    "streams/a.yaml": STREAM,
    "streams/..data/a.yaml": STREAM,
    "streams/.hidden.yaml": STREAM,
  });
  const { settings, warnings } = await loadFolder(folder);
  assert.deepEqual(
    settings.streams.map(({ id }) => id),
    ["audit"],
  );
  assert.ok(linesOf(warnings, folder).includes("sidestream.yaml:2:51 streams[2]: warning: no file matches this pattern"));
});

test("a pattern that gives a name with a dot finds what is there, and still passes over what it doesn't give", async (context) => {
  const folder = configFolder(context, {
    ".config/a.yaml": STREAM,
    ".config/.hidden.yaml": STREAM.replace("audit", "hidden"),
    "sidestream.yaml": "version: 1\nstreams: [ './.config/*.yaml' ]\n",
  });
  const ids = async (): Promise<readonly string[]> => (await loadFolder(folder)).settings.streams.map(({ id }) => id);
  assert.deepEqual(await ids(), ["audit"]);
  writeFileSync(join(folder, "sidestream.yaml"), `version: 1\nstreams: [ '${folder}/.config/*.yaml' ]\n`);
  assert.deepEqual(await ids(), ["audit"]);
});

test("empty policies and target sets are accepted", async (context) => {
  const folder = configFolder(context, { "sidestream.yaml": "version: 1\npolicies: []\ntargetSets: {}\n" });
  assert.equal((await loadFolder(folder)).settings.streams.length, 0);
});

test("platform none believes a header only where it is named; static maps its keys", async (context) => {
  const folder = configFolder(context, {
    "sidestream.yaml": `version: 1
sources:
  a: { type: gateway, upstream: "http://x", tenant: base, platform: { type: none, tenant: { header: X-Okapi-Tenant } } }
  b:
    type: gateway
    upstream: http://x
    platform:
      type: static
      tenant: [ { header: X-Tenant }, { tokenClaim: tenant }, { host: "{tenant}.example.org" }, { path: "/t/{tenant}/*" } ]
      defaultTenant: null
      routes:
        - { path: "/users/{id}", methods: [ GET, POST ], moduleName: mod-users, interface: users }
        - { path: "/*" }
  c: { type: agent, tenant: wallets }
`,
  });
  const { settings } = await loadFolder(folder);
  assert.deepEqual(
    settings.sources.map(({ platform, defaultTenant }) => ({ platform, defaultTenant })),
    [
      { platform: { type: "none", tenant: { header: "x-okapi-tenant", default: "base" } }, defaultTenant: "base" },
      {
        platform: {
          type: "static",
          tenant: [
            { from: "header", name: "x-tenant" },
            { from: "tokenClaim", claim: "tenant" },
            { from: "host", pattern: "{tenant}.example.org" },
            { from: "path", pattern: "/t/{tenant}/*" },
          ],
          defaultTenant: null,
          routes: [
            { path: "/users/{id}", methods: ["GET", "POST"], moduleName: "mod-users", interface: "users" },
            { path: "/*", methods: "*" },
          ],
        },
        defaultTenant: "default",
      },
      { platform: null, defaultTenant: "wallets" },
    ],
  );
});

test("a rule that leads nowhere, a destination that is off and a stream without tenants are dormant, not errors", async (context) => {
  const folder = configFolder(context, {
    "sidestream.yaml":
      "version: 1\nenabled: true\ndestinations:\n  files: { type: file, path: out }\n  off: { type: stdout, enabled: false }\nstreams: [ '?.yaml' ]\n",
    "a.yaml":
      "stream: a\ntenants: all\nrules:\n  - METHOD=POST , publish , fils:x\n  - METHOD=PUT , publish , off:x\n  - METHOD=GET , ignore\n",
    "b.yaml": "stream: b\nrules: [ 'METHOD=POST , publish , files:x' ]\n",
    "c.yaml": "stream: c\ntenants: []\nrules: [ 'METHOD=POST , publish , files:x' ]\n",
  });
  const { dormant, settings } = await loadFolder(folder);
  assert.deepEqual(dormant, [
    { kind: "destination", name: "off", reason: "switched off by `enabled: false`" },
    { kind: "rule", name: "a rule 1", reason: 'no destination is named "fils"; did you mean files?' },
    { kind: "rule", name: "a rule 2", reason: 'destination "off" is switched off by `enabled: false`' },
    { kind: "stream", name: "b", reason: "it is assigned to no tenant" },
    { kind: "stream", name: "c", reason: "its list of tenants is empty" },
  ]);
  assert.equal(settings.streams.length, 3);
  assert.equal(settings.destinations.find(({ name }) => name === "off")?.dormant, "switched off by `enabled: false`");
});

test("assignments are taken from the data folder, and one of an unknown stream is a warning", async (context) => {
  const folder = configFolder(context, {
    "sidestream.yaml": "version: 1\ndata: data\nstreams: [ a.yaml ]\n",
    "a.yaml": "stream: a\nrules: [ 'METHOD=POST , ignore' ]\n",
    "data/assignments.yaml": "version: 1\nassignments:\n  a: [ diku, diku, other ]\n  gone: [ diku ]\n",
  });
  const { settings, dormant, warnings, files } = await loadFolder(folder);
  assert.deepEqual(settings.streams[0]?.tenants, ["diku", "other"]);
  assert.deepEqual(dormant, []);
  assert.deepEqual(files.at(-1), join(folder, "data/assignments.yaml"));
  assert.ok(
    linesOf(warnings, folder).includes(
      'data/assignments.yaml:4:3 assignments: warning: no stream has the id "gone"; its assignment has no effect',
    ),
  );
});

test("a spool that holds few of the largest events is warned of", async (context) => {
  const folder = configFolder(context, {
    "sidestream.yaml": `version: 1
enabled: true
sources: { front: { type: gateway, upstream: "http://x" } }
destinations:
  files: { type: file, path: out, spool: { bytesMax: 4MiB } }
streams: [ ./stream.yaml ]
`,
    "stream.yaml": "stream: audit\ntenants: all\nrules:\n  - METHOD=POST , publish , files:audit\n",
  });
  const { warnings } = await loadFolder(folder);
  assert.deepEqual(linesOf(warnings, folder), [
    "sidestream.yaml:5:54 destinations.files.spool.bytesMax: warning: fewer than 8 events of the largest size fit: durable requests and webhooks may find no room",
  ]);
});

test("with `drop-oldest`, a spool in which the largest events would never find room is refused, with the size that it needs", async (context) => {
  const folder = configFolder(context, {
    "sidestream.yaml": `version: 1
enabled: true
sources: { front: { type: gateway, upstream: "http://x" } }
destinations:
  files: { type: file, path: out, spool: { bytesMax: 3MiB, whenFull: drop-oldest } }
  enough: { type: file, path: more, spool: { bytesMax: 4MiB, whenFull: drop-oldest } }
streams: [ ./stream.yaml ]
`,
    "stream.yaml": "stream: audit\ntenants: all\nrules:\n  - METHOD=POST , publish , files:audit\n",
  });
  const findings = await findingsOf(folder);
  assert.deepEqual(linesOf(findings, folder), [
    "sidestream.yaml:5:54 destinations.files.spool.bytesMax: too small for `whenFull: drop-oldest`: half of it must be enough for two events of the largest size, else large ones are never taken",
  ]);
  assert.equal(findings[0]?.hint, "Give it at least 4MiB, or lower `limits.messageBytesMax`.");
});

test("with `drop-oldest`, a spool that messages on their way could fill is warned of", async (context) => {
  const spool = (bytesMax: string, inFlightMax: number) =>
    `spool: { bytesMax: ${bytesMax}, whenFull: drop-oldest }, inFlightMax: ${inFlightMax}`;
  const folder = configFolder(context, {
    "sidestream.yaml": `version: 1
enabled: true
sources: { front: { type: gateway, upstream: "http://x" } }
destinations:
  files: { type: file, path: out, ${spool("64MiB", 1000)} }
  few: { type: file, path: few, ${spool("64MiB", 10)} }
  enough: { type: file, path: more, ${spool("68MiB", 1000)} }
streams: [ ./stream.yaml ]
`,
    "stream.yaml":
      "stream: audit\ntenants: all\nrules:\n  - METHOD=POST , publish , files:audit\n  - METHOD=PUT , publish , few:audit\n  - METHOD=PUT , publish , enough:audit\n",
  });
  const { warnings } = await loadFolder(folder);
  assert.deepEqual(linesOf(warnings, folder), [
    "sidestream.yaml:5:54 destinations.files.spool.bytesMax: warning: messages that are being sent are not given up, and may take 64MiB of it: new ones may find no room while the destination is away",
  ]);
  assert.equal(warnings[0]?.hint, "Give it at least 68MiB, or lower `destinations.files.inFlightMax`.");
});

test("a rate is a number, or a number per second, or null", async (context) => {
  const folder = configFolder(context, {
    "sidestream.yaml":
      "version: 1\ndestinations:\n  a: { type: stdout, maxRate: 5000 }\n  b: { type: stdout, maxRate: 200/s }\n  c: { type: stdout, maxRate: null }\n",
  });
  assert.deepEqual(
    (await loadFolder(folder)).settings.destinations.map(({ maxRate }) => maxRate),
    [5_000, 200, null],
  );
});

test("a driver's paths start at the configuration's folder, those inside its options too", async (context) => {
  const folder = configFolder(context, {
    "sidestream.yaml": `version: 1
destinations:
  inside: { type: kafka, brokers: [ "k1:9093" ], tls: { ca: certs/ca.pem } }
  absolute: { type: kafka, brokers: [ "k1:9093" ], tls: { ca: /etc/ca.pem } }
  none: { type: kafka, brokers: [ "k1:9093" ], tls: {} }
  other: { type: kafka, brokers: [ "k1:9093" ], tls: true }
`,
  });
  assert.deepEqual(
    (await loadFolder(folder)).settings.destinations.map(({ options }) => (options as { readonly tls: unknown }).tls),
    [{ ca: join(folder, "certs/ca.pem"), verify: true }, { ca: "/etc/ca.pem", verify: true }, { verify: true }, true],
  );
});

test("a configuration that does nothing is warned of", async (context) => {
  const folder = configFolder(context, { "sidestream.yaml": "version: 1\n" });
  const { warnings } = await loadFolder(folder);
  assert.deepEqual(linesOf(warnings, folder), [
    "sidestream.yaml:1:1: warning: `enabled` is not there, so the program only forwards and nothing is captured",
    "sidestream.yaml:1:1: warning: there are no sources, so there are no events",
    "sidestream.yaml:1:1: warning: there are no streams, so nothing is captured",
  ]);
});

test("health can be switched off, and listens where it is told", async (context) => {
  const off = configFolder(context, { "sidestream.yaml": "version: 1\nhealth: false\n" });
  assert.equal((await loadFolder(off)).health, null);
  const other = configFolder(context, { "sidestream.yaml": 'version: 1\nhealth: { listen: "[::1]:9000" }\n' });
  assert.deepEqual((await loadFolder(other)).health, { host: "::1", port: 9000 });
  const wrong = configFolder(context, { "sidestream.yaml": "version: 1\nhealth: true\n" });
  assert.deepEqual(linesOf(await findingsOf(wrong), wrong), [
    "sidestream.yaml:2:9 health: expected false, or keys with values such as { listen: 127.0.0.1:9464 }",
  ]);
});

test("events are kept only where the configuration says so: a duration alone, or with bytes", async (context) => {
  const settingsOf = async (text: string): Promise<unknown> =>
    (await loadFolder(configFolder(context, { "sidestream.yaml": `version: 1\n${text}\n` }))).settings.keepEvents;
  assert.equal(await settingsOf(""), null);
  assert.deepEqual(await settingsOf("keepEvents: 90m"), { keepMs: 5_400_000, bytesMax: 2 ** 30 });
  assert.deepEqual(await settingsOf("keepEvents: { bytesMax: 64MiB }"), { keepMs: 3_600_000, bytesMax: 2 ** 26 });
  const wrong = configFolder(context, { "sidestream.yaml": "version: 1\nkeepEvents: true\n" });
  assert.deepEqual(linesOf(await findingsOf(wrong), wrong), [
    "sidestream.yaml:2:13 keepEvents: expected a duration such as 1h, or keys with values such as { keep: 1h, bytesMax: 1GiB }",
  ]);
  const small = configFolder(context, { "sidestream.yaml": "version: 1\nkeepEvents: 1s\n" });
  assert.match(linesOf(await findingsOf(small), small).join("\n"), /keepEvents/);
});

test("a host's name becomes a valid instance", () => {
  assert.equal(hostInstance("front-1.example.org"), "front-1.example.org");
  assert.equal(hostInstance("_front é"), "front--");
  assert.equal(hostInstance(""), "sidestream");
});

test("a body limit beyond what a message may have is warned of, where it was written", async (context) => {
  const folder = configFolder(context, {
    "sidestream.yaml": "version: 1\nenabled: false\nlimits: { messageBytesMax: 100KiB }\nstreams: [ a.yaml, b.yaml ]\n",
    "a.yaml": `${STREAM}body: { limit: 200KiB }\n`,
    "b.yaml": STREAM.replace("audit", "other"),
  });
  const { warnings } = await loadFolder(folder);
  assert.deepEqual(linesOf(warnings, folder), [
    "sidestream.yaml:1:1: warning: there are no sources, so there are no events",
    "a.yaml:5:16 body.limit: warning: bodies are cut earlier than this: a message has at most 102400 bytes",
  ]);
});
