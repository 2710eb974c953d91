import { deepEqual, doesNotMatch, equal, match, ok, rejects, throws } from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { test, type TestContext } from "node:test";
import { readAccess, webhooksOf } from "./access-flags.ts";
import { runDoctor, type DoctorOptions } from "./doctor.ts";
import type { WalletVerdict } from "./doctor-verdict.ts";
import { startFakeAgent, type FakeAgentOptions, type FakeWallet } from "./testing/fake-agent.ts";

const BASE = "http://sidestream:9100/hooks#hook-key";
const WALLETS: readonly FakeWallet[] = [
  { id: "w-alice", label: "Alice" },
  { id: "w-bob", label: "Bob", dispatchType: "both", webhookUrls: ["http://bob/own#bobs-key"] },
  { id: "w-carol", label: "Carol", dispatchType: "default", webhookUrls: ["http://user:pass@carol/own?token=carols-key"] },
  { id: "w-dave", label: "Dave", dispatchType: "default" },
];

interface Told {
  readonly status: number;
  readonly text: string;
}

async function doctor(url: string, options: Partial<DoctorOptions> = {}): Promise<Told> {
  const lines: string[] = [];
  const output = { stdout: (text: string) => void lines.push(text), stderr: (text: string) => void lines.push(text), isTerminal: false };
  const access = { url, apiKey: null, token: null };
  const status = await runDoctor({ access, webhooks: [], timeoutMs: 10_000, json: false, ...options }, output);
  return { status, text: lines.join("") };
}

async function verdicts(t: TestContext, agent: FakeAgentOptions, options: Partial<DoctorOptions> = {}) {
  const { url } = await startFakeAgent(t, agent);
  const { status, text } = await doctor(url, { ...options, json: true });
  const { wallets } = JSON.parse(text) as { wallets: WalletVerdict[] };
  return { status, wallets: wallets.map(({ wallet, by, fault, isDoubled }) => [wallet, fault ?? (isDoubled ? `${by} twice` : by)]) };
}

test("a wallet with URLs of its own and the type default is told as one whose events don't arrive, with what to do", async (t) => {
  const agent = await startFakeAgent(t, { webhookUrls: [BASE], wallets: WALLETS });
  const { status, text } = await doctor(agent.url);
  equal(status, 1);
  match(text, /not loaded/);
  match(text, /w-alice +Alice +base +- +by webhook/);
  match(text, /w-carol +Carol +default +http:\/\/carol\/own +no: its events go to its own webhook URLs alone/);
  match(text, /2 of 5 wallets don't arrive/);
  match(text, /"wallet_dispatch_type": "both"/);
  match(text, /ws:\/\/127\.0\.0\.1:\d+\/ws: answers/);
  doesNotMatch(text, /carols-key|bobs-key|hook-key|pass/);
});

test("each dispatch type is judged as the agent dispatches", async (t) => {
  deepEqual(await verdicts(t, { webhookUrls: [BASE], wallets: WALLETS }), {
    status: 1,
    wallets: [
      [null, "webhook"],
      ["w-alice", "webhook"],
      ["w-bob", "webhook"],
      ["w-carol", "own-urls-alone"],
      ["w-dave", "no-urls"],
    ],
  });
});

test("where the address of Sidestream is given, only URLs that lead there count", async (t) => {
  const wallets: readonly FakeWallet[] = [
    ...WALLETS,
    { id: "w-erin", label: "Erin", dispatchType: "default", webhookUrls: ["http://sidestream:9100/erin#k"] },
    { id: "w-frank", label: "Frank", dispatchType: "both", webhookUrls: ["http://sidestream:9100#k"] },
  ];
  const there = await verdicts(t, { webhookUrls: [BASE], wallets }, { webhooks: ["http://sidestream:9100/"] });
  deepEqual(there.wallets.slice(-2), [
    ["w-erin", "webhook"],
    ["w-frank", "webhook twice"],
  ]);
  const elsewhere = await verdicts(t, { webhookUrls: [BASE], wallets }, { webhooks: ["http://other:9100", "http://sidestream:9100/erin"] });
  deepEqual(elsewhere, {
    status: 1,
    wallets: [null, "w-alice", "w-bob", "w-carol", "w-dave", "w-erin", "w-frank"].map((wallet) => [
      wallet,
      wallet === "w-erin" ? "webhook" : "no-webhook-url",
    ]),
  });
});

test("with the plugin every event arrives, whatever the webhooks are", async (t) => {
  const { status, wallets } = await verdicts(t, { plugins: ["sidestream_acapy"], wallets: WALLETS });
  equal(status, 0);
  ok(wallets.every(([, by]) => by === "plugin"));
  equal((await verdicts(t, { plugins: ["sidestream_acapy_not"], wallets: WALLETS })).status, 1);
});

test("an agent with one wallet needs a webhook URL, and is asked for no tenants", async (t) => {
  const agent = await startFakeAgent(t, { wallets: null, webhookUrls: [BASE] });
  deepEqual((await doctor(agent.url)).status, 0);
  ok(!agent.requests.some((request) => request.includes("multitenancy")));
  deepEqual(await verdicts(t, { wallets: null }), { status: 1, wallets: [[null, "no-webhook-url"]] });
});

for (const ignoresPages of [false, true]) {
  test(`all of many wallets are judged, ${ignoresPages ? "also by an agent that knows no pages" : "page by page"}`, async (t) => {
    const wallets = Array.from({ length: 1_234 }, (_, number) => ({
      id: `w-${number}`,
      label: "x",
      dispatchType: number === 1_233 ? "default" : "base",
    }));
    const agent = await startFakeAgent(t, { webhookUrls: [BASE], wallets, ignoresPages });
    const { status, text } = await doctor(agent.url);
    equal(status, 1);
    match(text, /1234 tenants/);
    match(text, /w-1233 /);
    doesNotMatch(text, /w-1232 /);
    ok(agent.requests.length < 10);
  });
}

test("what can't be asked is an error with exit status 2, and no key is in it", async (t) => {
  const key = { apiKey: "admin-key-1" };
  const agent = await startFakeAgent(t, { ...key, wallets: WALLETS });
  const exits = (code: string, text: RegExp) => (error: unknown) => {
    const { exit, message, ...rest } = error as Error & { exit: number; code: string };
    deepEqual([exit, rest.code], [2, code], message);
    match(message, text);
    doesNotMatch(message, /wrong-key|admin-key/);
    return true;
  };
  const access = (apiKey: string | null) => ({ access: { url: agent.url, apiKey, token: null } });
  await rejects(doctor(agent.url, access("wrong-key")), exits("SST_AGENT_REFUSED", /\/status\/config: the agent answers 401/));
  await rejects(doctor(agent.url, access(null)), exits("SST_AGENT_REFUSED", /401/));
  equal((await doctor(agent.url, access("admin-key-1"))).status, 1);
  const closed = await startFakeAgent(t, { hasAdmin: false });
  await rejects(doctor(closed.url), exits("SST_AGENT_REFUSED", /--multitenant-admin/));
});

test("an answer that is not an agent's, too slow or without an end is an error", async (t) => {
  const odd = async (intercept: NonNullable<FakeAgentOptions["intercept"]>, code: string, timeoutMs = 10_000): Promise<void> => {
    const { url } = await startFakeAgent(t, { intercept });
    await rejects(doctor(url, { timeoutMs }), { code });
  };
  const answers = (status: number, body: string) => (_: unknown, response: import("node:http").ServerResponse) => {
    response.writeHead(status, { location: "http://127.0.0.1:1/" }).end(body);
    return true;
  };
  await odd(answers(200, "<html>"), "SST_AGENT_ANSWER");
  await odd(answers(200, "{}"), "SST_AGENT_ANSWER");
  await odd(answers(200, '{"config":{"admin.webhook_urls":7}}'), "SST_AGENT_ANSWER");
  await odd(answers(500, "oops"), "SST_AGENT_ANSWER");
  await odd(answers(302, ""), "SST_AGENT_ANSWER");
  await odd(() => true, "SST_AGENT_UNREACHABLE", 100);
  const endless = (_: unknown, response: import("node:http").ServerResponse) => {
    response.writeHead(200);
    const more = (): void => {
      while (response.write("x".repeat(1_000_000)));
      response.once("drain", more);
    };
    more();
    return true;
  };
  await odd(endless, "SST_AGENT_ANSWER");
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  await rejects(doctor(`http://127.0.0.1:${port}`), { code: "SST_AGENT_UNREACHABLE", message: /ECONNREFUSED/ });
});

test("what an agent tells can't do anything to the terminal", async (t) => {
  const agent = await startFakeAgent(t, {
    wallets: [{ id: "w\u001b[2J", label: "\u202eevil\n", dispatchType: "\u0007", webhookUrls: ["x"] }],
  });
  doesNotMatch((await doctor(agent.url)).text, /\p{Cf}|(?!\n)\p{Cc}/u);
});

test("a key comes from a file or the environment, and a bad one is not shown", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-access-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "key");
  const flags = { admin: "https://agent:8031/base/", timeout: "30s" };
  writeFileSync(file, "from-file\n");
  deepEqual(await readAccess({ ...flags, apiKeyFile: file }, { SIDESTREAM_ADMIN_API_KEY: "other", SIDESTREAM_ADMIN_TOKEN: "t" }), {
    access: { url: "https://agent:8031/base", apiKey: "from-file", token: "t" },
    timeoutMs: 30_000,
  });
  deepEqual((await readAccess(flags, { SIDESTREAM_ADMIN_API_KEY: "" })).access.apiKey, null);
  writeFileSync(file, "two\nlines");
  const bad = { code: "SST_COMMAND_INVALID", message: /^(?!.*lines)/ };
  await rejects(readAccess({ ...flags, apiKeyFile: file }, {}), bad);
  await rejects(readAccess(flags, { SIDESTREAM_ADMIN_TOKEN: "two\nlines" }), bad);
  await rejects(readAccess({ ...flags, tokenFile: join(folder, "absent") }, {}), { code: "SST_CONFIG_UNREADABLE", message: /ENOENT/ });
  await rejects(readAccess({ ...flags, timeout: "soon" }, {}), { code: "SST_COMMAND_INVALID" });
  for (const admin of ["agent:8031", "ftp://agent", "", "http://user:secret@agent"]) {
    await rejects(readAccess({ ...flags, admin }, {}), { code: "SST_COMMAND_INVALID", message: /^(?!.*secret)/ });
  }
});

test("an address of the webhook source that is none is refused, and not shown", () => {
  deepEqual(webhooksOf(["http://sidestream:9100", "HTTPS://[::1]:1/base#key"]).length, 2);
  for (const webhook of ["sidestream:9100#secret", "localhost:9100", "", "http://", "ftp://sidestream"])
    throws(() => webhooksOf([webhook]), { code: "SST_COMMAND_INVALID", message: /^--webhook: (?!.*secret)/ });
});
