/** What a user meets first: the form without a file, a wrong configuration, a taken folder, an upstream that is not there. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readMessages, type TransactionData } from "./support/messages.ts";
import { command, freePort, launch, start, statusWhen, stop, temporaryFolder } from "./support/program.ts";
import { makeSite, post } from "./support/site.ts";
import { startUpstream } from "./support/upstream.ts";

const QUICK = (listen: string, upstream: string, folder: string) => [
  "--listen",
  listen,
  "--upstream",
  upstream,
  "--to",
  `file:${folder}/out`,
  "--spool",
  `${folder}/data`,
];

test("without a file everything is published to the topic events, tenant by header, secrets removed", async (t) => {
  const folder = temporaryFolder(t);
  const upstream = await startUpstream(t, '{"id":"42","access_token":"a-token-that-must-not-leave"}');
  const program = await start(t, [...QUICK("127.0.0.1:0", upstream.url, folder), "--capture", "durable"]);
  match(program.errors(), /x-okapi-tenant, which is trusted/);
  const url = program.address("gateway");
  equal(
    (
      await post(
        `${url}/users?token=hidden-query`,
        { name: "ada", password: "hidden-password" },
        { "x-okapi-tenant": "diku", "x-okapi-token": "hidden-header" },
      )
    )?.status,
    201,
  );
  equal((await post(`${url}/users`, { name: "bob" }))?.status, 201);
  const status = statusWhen(join(folder, "data"), ({ totals }) => totals.delivered === 2);
  deepEqual(status.breaches, []);
  await stop(program);
  const messages = readMessages(join(folder, "out"));
  equal(existsSync(join(folder, "out/events.jsonl")), true);
  deepEqual(
    messages.map((message) => message["sidestreamtenant"]),
    ["diku", "default"],
  );
  deepEqual(
    messages.map(({ partitionkey }) => partitionkey),
    ["diku/42", "default/42"],
  );
  deepEqual(
    messages.map((message) => Number(message["sequence"])),
    [1, 2],
  );
  equal((messages[0]?.data as TransactionData).request.method, "POST");
  equal(upstream.requests.length, 2);
  ok(upstream.requests[0]?.body.includes("hidden-password"), "what is forwarded is untouched");
  ok(!/hidden|must-not-leave/.test(JSON.stringify(messages)), "secrets are removed");
});

test("the proposal's own rule, word for word, routes; other tenants make no message", async (t) => {
  const folder = temporaryFolder(t);
  const upstream = await startUpstream(t);
  writeFileSync(
    join(folder, "sidestream.yaml"),
    `version: 1
enabled: true
data: ./data
sources:
  front:
    type: gateway
    listen: "127.0.0.1:0"
    upstream: "${upstream.url}"
    capture: durable
    platform: { type: static, tenant: [ { header: x-okapi-tenant } ], routes: [ { path: "/users*", moduleName: folio_users } ] }
destinations:
  kafka1: { type: file, path: ./kafka1 }
streams: [ ./stream.yaml ]
health: false
`,
  );
  writeFileSync(
    join(folder, "stream.yaml"),
    "stream: users\ntenants: all\nrules:\n  - (x-okapi-tenant=fs00000001 AND MODULENAME=folio_users) , publish , kafka1:topic3\n",
  );
  const program = await start(t, ["--config", join(folder, "sidestream.yaml")]);
  for (const tenant of ["fs00000001", "other"])
    equal((await post(`${program.address("front")}/users/7`, {}, { "x-okapi-tenant": tenant }))?.status, 201);
  statusWhen(join(folder, "data"), ({ totals }) => totals.delivered === 1);
  await stop(program);
  deepEqual(
    readMessages(join(folder, "kafka1")).map((message) => message["sidestreamtenant"]),
    ["fs00000001"],
  );
  ok(existsSync(join(folder, "kafka1/topic3.jsonl")));
});

test("a wrong configuration tells every fault with its place, ends with 78 and starts nothing", (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(
    join(folder, "sidestream.yaml"),
    `version: 1
enabled: true
data: ./data
sources:
  front: { type: gateway, listen: "127.0.0.1:0", upstream: "http://127.0.0.1:1", capturing: durable }
destinations:
  out: { type: fiel, path: ./events }
streams: [ ./stream.yaml ]
`,
  );
  writeFileSync(
    join(folder, "stream.yaml"),
    "stream: s\ntenants: all\nrules:\n  - (METHOD=POST , publish , out:a\n  - METHOD=POST , broadcast , out:b\n",
  );
  const { status, stderr } = command(["run", "--config", join(folder, "sidestream.yaml")]);
  equal(status, 78);
  match(stderr, /sidestream\.yaml:5:82 sources\.front: .*capturing/);
  match(stderr, /sidestream\.yaml:7:16 destinations\.out.*: .*file/);
  match(stderr, /stream\.yaml:4:5 .*never closed/);
  match(stderr, /stream\.yaml:5:19 .*not available yet/);
  equal(existsSync(join(folder, "data")), false);
});

for (const [flag, value] of [
  ["--capture", "write-ahead"],
  ["--to", "amqp://127.0.0.1:5672/t"],
] as const) {
  test(`${flag} ${value} is refused as not available yet`, (t) => {
    const folder = temporaryFolder(t);
    const { status, stderr } = command(
      ["run", "--listen", "127.0.0.1:0", "--upstream", "http://127.0.0.1:1", "--to", "file:out", flag, value],
      { cwd: folder },
    );
    equal(status, 78);
    match(stderr, new RegExp(`${flag}:1:1.*not available yet`));
  });
}

test("--delivery exactly-once to a file is refused: it takes a message as often as it is sent", (t) => {
  const folder = temporaryFolder(t);
  const flags = ["--listen", "127.0.0.1:0", "--upstream", "http://127.0.0.1:1", "--to", "file:out", "--delivery", "exactly-once"];
  const { status, stderr } = command(["run", ...flags], { cwd: folder });
  equal(status, 78);
  match(stderr, /--delivery:1:1.*exactly-once can't be promised to out/);
  equal(existsSync(join(folder, "sidestream-data")), false);
});

test("a wrong use of the command ends with 2", () => {
  equal(command(["run"]).status, 2);
  equal(command(["run", "--config", "x.yaml", "--listen", ":1"]).status, 2);
  equal(command(["rnu"]).status, 2);
  equal(command(["validate"]).status, 2);
});

test("a second program on the same data folder is refused, and the first one goes on", async (t) => {
  const site = await makeSite(t);
  const program = await start(t, ["--config", site.configuration]);
  const second = command(["run", "--config", site.configuration]);
  equal(second.status, 75);
  match(second.stderr, /another process uses the data folder/);
  equal((await post(`${program.address("front")}/things`, { number: 1 }))?.status, 201);
  equal(command(["spool", "fsck", "--data", site.data]).status, 75);
  await stop(program);
  equal(command(["spool", "fsck", "--data", site.data]).status, 0);
});

test("a port that is taken is told, and nothing is left behind that locks the folder", async (t) => {
  const site = await makeSite(t);
  const port = Number(new URL(site.upstream.url).port);
  const folder = temporaryFolder(t);
  const taken = command(["run", ...QUICK(`127.0.0.1:${port}`, site.upstream.url, folder)]);
  equal(taken.status, 75);
  match(taken.stderr, /SST_LISTEN_FAILED/);
  const program = await start(t, QUICK(`127.0.0.1:${await freePort()}`, site.upstream.url, folder));
  await stop(program);
});

test("an upstream that can't be reached is answered 502, and the attempt is an event", async (t) => {
  const folder = temporaryFolder(t);
  const program = await start(t, [...QUICK("127.0.0.1:0", `http://127.0.0.1:${await freePort()}`, folder), "--capture", "durable"]);
  const answer = await post(`${program.address("gateway")}/x`, {});
  equal(answer?.status, 502);
  equal((JSON.parse(answer.text) as { code: string }).code, "SST_UPSTREAM_UNREACHABLE");
  statusWhen(join(folder, "data"), ({ totals }) => totals.delivered === 1);
  await stop(program);
  const [message] = readMessages(join(folder, "out"));
  equal((message?.data as { outcome: string }).outcome, "upstream-unreachable");
});

test("a damaged segment is told at the start, what is whole is delivered, fsck names the place", async (t) => {
  const site = await makeSite(t, { destination: "enabled: true" });
  // A destination that can't be written to keeps the messages in the spool.
  writeFileSync(site.events, "a file where the folder should be");
  const program = await start(t, ["--config", site.configuration]);
  for (let number = 1; number <= 10; number++) equal((await post(`${program.address("front")}/things`, { number }))?.status, 201);
  await stop(program);
  const segments = join(site.data, "spool/out");
  const { damageMiddle, fix } = await import("./support/damage.ts");
  damageMiddle(segments);
  const check = command(["spool", "fsck", "--data", site.data]);
  equal(check.status, 1, check.stdout);
  match(check.stdout, /PROBLEM: .*can't be read any more; frame \d+ is lost/);
  fix(site.events);
  mkdirSync(site.events);
  const again = launch(t, ["run", "--config", site.configuration]);
  await again.logged("can't be read any more");
  await again.logged("sidestream runs");
  statusWhen(site.data, ({ destinations }) => destinations[0]?.transmit?.inFlight === 0 && destinations[0].transmit.sent >= 8);
  await stop(again);
  const numbers = readMessages(site.events).map(({ data }) => ((data as TransactionData).request.body as { number: number }).number);
  ok(numbers.length >= 8 && numbers.length < 10, `delivered: ${numbers.join(", ")}`);
  deepEqual(
    numbers,
    numbers.toSorted((left, right) => left - right),
  );
});

test("live, ready and metrics answer on their own listener; the sums add up", async (t) => {
  const site = await makeSite(t);
  const program = await start(t, ["--config", site.configuration]);
  const health = (await program.logged("health checks and metrics")).address ?? "";
  equal((await post(`${program.address("front")}/things`, { number: 1 }))?.status, 201);
  statusWhen(site.data, ({ totals }) => totals.delivered === 1);
  equal((await fetch(`${health}/live`)).status, 200);
  equal((await fetch(`${health}/ready`)).status, 200);
  const metrics = await (await fetch(`${health}/metrics`)).text();
  match(metrics, /^sidestream_messages_accepted_total\{stream="everything",tenant="nobody",destination="out"\} 1$/m);
  match(metrics, /^sidestream_messages_delivered_total\{stream="everything",tenant="nobody",destination="out"\} 1$/m);
  match(metrics, /^sidestream_conservation_difference_messages\{stream="everything",destination="out"\} 0$/m);
  match(metrics, /^sidestream_gateway_exchanges_total\{source="front",outcome="complete"\} 1$/m);
  equal((await fetch(`${program.address("front")}/metrics`)).status, 201);
  await stop(program);
});

test("switched off, the program forwards and captures nothing", async (t) => {
  const site = await makeSite(t);
  const { readFileSync } = await import("node:fs");
  const others =
    "sources:\n  heard: { type: acapy-websocket, url: 'ws://127.0.0.1:9/ws' }\n  read: { type: acapy-journal, journals: journals }";
  const written = readFileSync(site.configuration, "utf8").replace("enabled: true", "enabled: false").replace("sources:", others);
  writeFileSync(site.configuration, written);
  const program = await start(t, ["--config", site.configuration]);
  match(program.errors(), /nothing is captured/);
  for (const source of ["heard", "read"])
    match(program.errors(), new RegExp(`"source":"${source}","msg":"not opened: nothing is captured`));
  equal((await post(`${program.address("front")}/things`, { number: 1 }))?.status, 201);
  await stop(program);
  equal(existsSync(site.data), false);
  deepEqual(readMessages(site.events), []);
});
