/** A log runs out of room while its destination is away: who is turned away, who is not, and how all of it is counted. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { readMessages, type MessageEvent, type TransactionData } from "./support/messages.ts";
import { command, start, statusWhen, stop, temporaryFolder, type Program } from "./support/program.ts";
import { post } from "./support/site.ts";
import { startUpstream } from "./support/upstream.ts";
import { guarantee } from "../guarantees.ts";

guarantee(
  {
    failure: "log-full",
    capture: ["best-effort"],
    test: "with `whenFull: drop-oldest`, the newest messages are kept and delivered in order, the rest is counted as given up",
    lost: "the newest (`drop-newest`, the default) or the oldest messages, each counted by stream, tenant and reason",
    todo: "mend the destination that lags, or raise `spool.bytesMax`",
  },
  {
    failure: "log-full",
    capture: ["durable"],
    test: "a tenant that floods is refused alone: its webhooks and durable requests, until its messages were delivered",
    lost: "nothing that was answered: the source is told, with 503",
    todo: "mend the destination that lags, or raise `spool.bytesMax` or `spool.tenantShare`",
  },
);

/** A body whose message takes about 20 KiB. */
const PADDING = "x".repeat(20_000);
/** Messages that a destination which is away may hold in memory: they are not given up. */
const IN_FLIGHT_MAX = 5;

interface Site {
  readonly data: string;
  readonly program: Program;
  readonly health: string;
  /** Lets the destination be written to from now on. */
  readonly open: () => void;
  readonly messages: (destination: "out" | "other") => readonly MessageEvent[];
  /** Posts through the gateway; true when the upstream's answer came. */
  readonly send: (path: string, tenant: string, number: number) => Promise<boolean>;
  /** Posts a webhook. @returns The status it was answered. */
  readonly hook: (wallet: string, number: number) => Promise<number | undefined>;
}

/** A program with a gateway and a receiver of webhooks before the destination `out`, which can't be written to, and `other`. */
async function startSite(test: TestContext, spool: string): Promise<Site> {
  const folder = temporaryFolder(test);
  const upstream = await startUpstream(test);
  const data = join(folder, "data");
  const events = join(folder, "out");
  // A file where the folder should be.
  writeFileSync(events, "");
  const configuration = join(folder, "sidestream.yaml");
  writeFileSync(
    configuration,
    `version: 1
enabled: true
data: ./data
sources:
  front:
    type: gateway
    listen: "127.0.0.1:0"
    upstream: "${upstream.url}"
    bodyBytesMax: 32KiB
    onCaptureFailure: abort
    routes: [ { path: /durable/*, capture: durable, whenNoRoom: refuse }, { path: /released/*, capture: durable, onCaptureFailure: release } ]
    platform: { type: none, tenant: { header: x-okapi-tenant, default: nobody } }
  hooks: { type: acapy-webhook, listen: "127.0.0.1:0" }
destinations:
  out: { type: file, path: ./out, inFlightMax: ${IN_FLIGHT_MAX}, spool: { bytesMax: 2MiB, ${spool} } }
  other: { type: file, path: ./other }
streams: [ ./stream.yaml ]
limits: { messageBytesMax: 64KiB }
health: { listen: "127.0.0.1:0" }
`,
  );
  const rules = ["EVENTTYPE=agent , publish , out:hooks", "METHOD=POST , publish , out:requests", "METHOD=POST , publish , other:requests"];
  writeFileSync(join(folder, "stream.yaml"), JSON.stringify({ stream: "all", tenants: "all", rules }));
  const program = await start(test, ["--config", configuration]);
  const health = (await program.logged("health checks and metrics")).address ?? "";
  const padded = (number: number) => ({ number, padding: PADDING });
  return {
    data,
    program,
    health,
    open: () => {
      rmSync(events);
      mkdirSync(events);
    },
    messages: (destination) => readMessages(join(folder, destination)),
    send: async (path, tenant, number) =>
      (await post(`${program.address("front")}${path}`, padded(number), { "x-okapi-tenant": tenant }))?.status === 201,
    hook: async (wallet, number) =>
      (await post(`${program.address("hooks")}/topic/connections/`, padded(number), { "x-wallet-id": wallet }))?.status,
  };
}

/** A metric's value by its labels, `name{label="value"}`; 0 when there is none. */
async function metric({ health }: Site, name: string): Promise<number> {
  const text = await (await fetch(`${health}/metrics`)).text();
  const line = text.split("\n").find((each) => each.startsWith(`${name} `));
  return Number(line?.split(" ").at(-1) ?? 0);
}

const DROPPED = (tenant: string, reason: string) =>
  `sidestream_messages_dropped_total{stream="all",tenant="${tenant}",destination="out",reason="${reason}"}`;
const REFUSED = (route: string) => `sidestream_edge_lost_total{source="front",route="${route}",reason="refused"}`;

/** Numbers of the tenant's messages, in the order delivered. */
function numbersOf(messages: readonly MessageEvent[], tenant: string): readonly number[] {
  return messages
    .filter((message) => message["sidestreamtenant"] === tenant)
    .map(({ data }) => (data as TransactionData).request?.body ?? (data as { readonly payload: unknown }).payload)
    .map((body) => (body as { readonly number: number }).number);
}

const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, index) => from + index);

test(
  "a tenant that floods is refused alone: its webhooks and durable requests, until its messages were delivered",
  { timeout: 120_000 },
  async (t) => {
    const site = await startSite(t, "tenantSharePercent: 25");
    const { data, program, open, messages, send, hook } = site;
    // Alone, a tenant would have the log to itself.
    equal(await hook("calm", 0), 200);
    let taken = 0;
    for (; (await hook("flood", taken)) === 200; taken++) ok(taken < 200, "the share has a bound");
    equal(await hook("flood", taken), 503);
    match((await program.logged("over their share of 512.0 KiB")).msg, /in the spool of out: flood \((1\.0 MiB|9\d\d\.\d KiB)\)\. /);

    for (const number of numbers(4, 1)) equal(await hook("calm", number), 200);
    // Its tenant shows only after it was forwarded: what becomes of the answer is the route's choice.
    equal(await send("/durable/x", "flood", 1_000), false);
    equal(await send("/released/x", "flood", 1_001), true);
    equal(await send("/durable/x", "calm", 5), true);
    const status = statusWhen(data, ({ destinations }) => destinations[0]?.tenantsHeldBack === 1);
    deepEqual(
      status.destinations[0]?.heldBack.map(({ tenant }) => tenant),
      ["flood"],
    );
    equal(status.destinations[0]?.trouble, null);
    deepEqual(status.breaches, []);
    deepEqual(status.edge.lost, [
      { source: "front", route: "/durable/*", reason: "refused", count: 1 },
      { source: "front", route: "/released/*", reason: "refused", count: 1 },
    ]);
    const printed = command(["status", "--data", data]);
    equal(printed.status, 1);
    match(printed.stdout, /^out: tenant flood is held back: (1\.0 MiB|9\d\d\.\d KiB) of it wait, over its share$/m);

    open();
    equal((await program.logged("no tenant is over its share in the spool of out any more")).level, "info");
    equal(await hook("flood", taken), 200);
    const end = statusWhen(data, ({ totals }) => totals.pending === 0);
    deepEqual(end.breaches, []);
    deepEqual([end.destinations[0]?.tenantsHeldBack, end.totals.dropped], [0, 0]);
    await stop(program);
    deepEqual(numbersOf(messages("out"), "flood"), numbers(taken + 1));
    deepEqual(numbersOf(messages("out"), "calm"), numbers(6));
    deepEqual(numbersOf(messages("other"), "flood"), [], "what was refused went nowhere");
  },
);

test(
  "best-effort events of a tenant over its share lose their message there, counted; others' are kept, and so are other destinations'",
  { timeout: 120_000 },
  async (t) => {
    const site = await startSite(t, "tenantSharePercent: 25");
    const { data, program, open, messages, send } = site;
    equal(await send("/x", "calm", 0), true);
    for (const number of numbers(100)) equal(await send("/x", "flood", number), true);
    for (const number of numbers(9, 1)) equal(await send("/x", "calm", number), true);
    const status = statusWhen(data, ({ totals }) => totals.accepted === 220);
    deepEqual(status.breaches, []);
    const flood = status.messages.find(({ tenant, destination }) => tenant === "flood" && destination === "out");
    const dropped = flood?.dropped["tenant-share"] ?? 0;
    ok(dropped > 20 && dropped < 80, `${dropped} dropped`);
    equal(await metric(site, DROPPED("flood", "tenant-share")), dropped);
    equal(await metric(site, DROPPED("calm", "tenant-share")), 0);
    open();
    const end = statusWhen(data, ({ totals }) => totals.pending === 0);
    deepEqual(end.breaches, []);
    equal(end.totals.delivered, 220 - dropped);
    await stop(program);
    deepEqual(numbersOf(messages("out"), "flood"), numbers(100 - dropped));
    deepEqual(numbersOf(messages("out"), "calm"), numbers(10));
    deepEqual(numbersOf(messages("other"), "flood"), numbers(100));
  },
);

test(
  "with `whenFull: refuse`, both destinations have the same best-effort events; the others count as refused at the edge",
  { timeout: 120_000 },
  async (t) => {
    const site = await startSite(t, "tenantSharePercent: 100, whenFull: refuse");
    const { data, program, open, messages, send } = site;
    for (const number of numbers(150)) equal(await send("/x", "diku", number), true);
    const status = statusWhen(data, ({ edge, messages: counts }) => {
      const refused = edge.lost.find(({ reason }) => reason === "refused")?.count ?? 0;
      return counts[0] !== undefined && refused + counts[0].accepted === 150;
    });
    const accepted = status.messages[0]?.accepted ?? 0;
    ok(accepted > 50 && accepted < 110, `${accepted} accepted`);
    deepEqual(
      status.messages.map((counts) => counts.accepted),
      [accepted, accepted],
    );
    equal(status.totals.dropped, 0);
    equal(await metric(site, REFUSED("default")), 150 - accepted);
    equal((await program.logged("Events with a message for it are refused as a whole")).level, "error");
    open();
    const end = statusWhen(data, ({ totals }) => totals.pending === 0);
    deepEqual(end.breaches, []);
    await stop(program);
    deepEqual([numbersOf(messages("out"), "diku"), numbersOf(messages("other"), "diku")], [numbers(accepted), numbers(accepted)]);
  },
);

test(
  "with `whenFull: drop-oldest`, the newest messages are kept and delivered in order, the rest is counted as given up",
  { timeout: 120_000 },
  async (t) => {
    const site = await startSite(t, "tenantSharePercent: 100, whenFull: drop-oldest");
    const { data, program, open, messages, send } = site;
    for (const number of numbers(200)) {
      equal(await send("/x", "diku", number), true);
      // Not faster than room is made.
      while ((await metric(site, 'sidestream_spool_bytes{destination="out"}')) > 1_850_000);
    }
    equal((await program.logged("Its oldest messages are given up")).level, "error");
    statusWhen(data, ({ totals }) => totals.accepted === 400);
    open();
    const end = statusWhen(data, ({ totals }) => totals.pending === 0);
    deepEqual(end.breaches, []);
    const out = end.messages.find(({ destination }) => destination === "out");
    deepEqual(Object.keys(out?.dropped ?? {}), ["drop-oldest"]);
    const kept = 200 - (out?.dropped["drop-oldest"] ?? 0);
    equal(out?.delivered, kept);
    ok(kept > 40 && kept < 110, `${kept} kept`);
    equal(await metric(site, DROPPED("diku", "drop-oldest")), 200 - kept);
    await stop(program);
    const got = numbersOf(messages("out"), "diku");
    const newest = got.filter((number) => number >= IN_FLIGHT_MAX);
    deepEqual(newest, numbers(newest.length, 200 - newest.length));
    deepEqual(got, [...numbers(kept - newest.length), ...newest]);
    deepEqual(numbersOf(messages("other"), "diku"), numbers(200));
  },
);
