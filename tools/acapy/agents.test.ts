/** Real agents: that they start, live and end as tests need it, and that what they send arrives in a running Sidestream. */
import { deepEqual, equal, match, notEqual, ok, rejects } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { makeAgentSite } from "../../tests/system/support/agent-site.ts";
import { readMessages } from "../../tests/system/support/messages.ts";
import { start as startSidestream, stop as stopSidestream, temporaryFolder } from "../../tests/system/support/program.ts";
import { freeBasePort } from "../kafka/free-ports.ts";
import { waitUntil } from "../kafka/wait-until.ts";
import { AdminSocket } from "./admin-socket.ts";
import { startAgent, type Agent, type AgentOptions } from "./agent.ts";
import { AGENT_VERSION, OLDEST_AGENT_VERSION } from "./agent-venv.ts";
import { connect, issueCredential, many, type CredentialExchange } from "./drive.ts";
import { skipWithoutAgents } from "./for-tests.ts";
import { createTenant, type Tenant } from "./tenant.ts";

const skip = await skipWithoutAgents([AGENT_VERSION, OLDEST_AGENT_VERSION]);
const GONE_MS_MAX = 30_000;
const ARRIVED_MS_MAX = 60_000;

async function agentFor(t: TestContext, options: AgentOptions): Promise<Agent> {
  const agent = await startAgent(options);
  t.after(async () => await agent[Symbol.asyncDispose]());
  return agent;
}

async function socketFor(t: TestContext, agent: Agent): Promise<AdminSocket> {
  const socket = await AdminSocket.open(agent);
  t.after(() => socket.close());
  return socket;
}

/** How many there are of each, as sorted lines. */
function tally(each: readonly string[]): readonly string[] {
  const counts = Map.groupBy(each, (text) => text);
  return [...counts].map(([text, all]) => `${all.length} ${text}`).toSorted();
}

/** A running Sidestream that writes each webhook to a file. */
async function sidestreamFor(t: TestContext) {
  const site = makeAgentSite(t, '{ type: acapy-webhook, listen: "127.0.0.1:0", apiKey: hook-key-1, tenant: base }');
  const program = await startSidestream(t, ["--config", site.configuration]);
  return { program, url: program.address("agent"), messages: () => readMessages(site.events) };
}

/** Four tenants of all dispatch types connect, write, ping and issue a credential. */
async function drive(agent: Agent): Promise<{ readonly tenants: readonly Tenant[]; readonly exchange: CredentialExchange }> {
  // Nobody listens on port 9: what goes to a tenant's own URL is lost.
  const own = { webhookUrls: ["http://127.0.0.1:9/own#own-key"] };
  const alice = await createTenant(agent, { label: "alice" });
  const bob = await createTenant(agent, { label: "bob", dispatchType: "both", ...own });
  const carol = await createTenant(agent, { label: "carol", dispatchType: "default", ...own });
  const dave = await createTenant(agent, { label: "dave", dispatchType: "base", ...own });
  const withBob = await connect(alice, bob);
  const withCarol = await connect(alice, carol);
  const withDave = await connect(dave, bob);
  await many(5, async (index) => await alice.sendMessage(withBob.inviter, `message ${index} ✓ Grüße`));
  await alice.sendMessage(withCarol.inviter, "to carol");
  await bob.sendMessage(withDave.invitee, "to dave");
  await bob.ping(withBob.invitee);
  return { tenants: [alice, bob, carol, dave], exchange: await issueCredential(alice, withBob.inviter, bob, withBob.invitee) };
}

test("each webhook to an agent's own URLs becomes one message; those to a tenant's alone do not", { skip, timeout: 240_000 }, async (t) => {
  const sidestream = await sidestreamFor(t);
  const agent = await agentFor(t, { name: "one", webhookUrls: [`${sidestream.url}/hooks#hook-key-1`] });
  const socket = await socketFor(t, agent);
  const { tenants, exchange } = await drive(agent);

  const line = (topic: string, wallet: string): string =>
    `${tenants.find(({ walletId }) => walletId === wallet)?.label ?? wallet} ${topic}`;
  const sent = (): readonly string[] => tally(socket.frames.map(({ topic, wallet_id: wallet = "base" }) => line(topic, wallet)));
  const received = (): readonly string[] =>
    tally(
      sidestream
        .messages()
        .map(({ data, ...message }) => line((data as { readonly topic: string }).topic, String(message["sidestreamtenant"]))),
    );
  const isDone = (id: string): boolean =>
    socket.frames.some(({ payload }) => {
      const { cred_ex_id: exchangeId, state } = payload as { readonly cred_ex_id?: string; readonly state?: string };
      return exchangeId === id && state === "done";
    });
  // What was done last, on either side; a ping comes of itself with each connection.
  const last = ["5 bob basicmessages", "1 carol basicmessages", "1 dave basicmessages", "3 alice ping"];
  const allSent = (): boolean => isDone(exchange.issuer) && isDone(exchange.holder) && last.every((each) => sent().includes(each));
  await waitUntil(allSent, ARRIVED_MS_MAX, "the last webhooks");
  const toBase = (): readonly string[] => sent().filter((each) => !each.includes(" carol "));
  // A failure is told by the comparison: it shows which are missing.
  await waitUntil(() => received().join() === toBase().join(), ARRIVED_MS_MAX, "all to arrive").catch(() => null);
  deepEqual(received(), toBase());
  notEqual(sent().length, toBase().length);
  await agent.stop();
  await stopSidestream(sidestream.program);
});

test("two agents of the oldest version reach each other, also after one was killed", { skip, timeout: 240_000 }, async (t) => {
  const version = OLDEST_AGENT_VERSION;
  const [one, two] = await Promise.all([agentFor(t, { name: "one", version }), agentFor(t, { name: "two", version })]);
  deepEqual((await one.admin.call<{ readonly version: string }>("/status")).version, version);
  const sender = await createTenant(one, { label: "sender" });
  const receiver = await createTenant(two, { label: "receiver" });
  const { inviter } = await connect(sender, receiver);
  await two.kill();
  equal(two.pid, null);
  await two.start();
  const socket = await socketFor(t, two);
  await sender.sendMessage(inviter, "still there?");
  const messages = (): readonly unknown[] =>
    socket.frames
      .filter(({ topic }) => topic === "basicmessages")
      .map((frame) => [frame.wallet_id, (frame.payload as { content: string }).content]);
  await waitUntil(() => messages().length > 0, ARRIVED_MS_MAX, "the message");
  deepEqual(messages(), [[receiver.walletId, "still there?"]]);
});

test("a plugin's folder and configuration reach the agent; one that refuses to start is told with its words", { skip }, async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(
    join(folder, "refusing.py"),
    `import os

async def setup(context):
    raise ValueError(f"refused: {context.settings['plugin_config']} {os.environ['REASON']} {sorted(os.environ)}")
`,
  );
  const options = {
    plugins: ["refusing"],
    pluginFolders: [folder],
    pluginConfig: { refusing: { why: "no reason" } },
    environment: { REASON: "given" },
  };
  await rejects(agentFor(t, { name: "one", ...options }), (problem: Error) => {
    match(problem.message, /^agent one ended before it served:\n/u);
    match(problem.message, /refused: \{'refusing': \{'why': 'no reason'\}\} given/u);
    // Nothing of this process' environment changes what an agent does.
    match(problem.message, /\['HOME', 'LANG', 'PATH', /u);
    return true;
  });
});

test("where somebody takes a port just before the agent does, it gets others", { skip }, async (t) => {
  const server = createServer((connection) => connection.destroy()).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const ports = [port - 1, port, await freeBasePort(2)];
  const agent = await startAgent({ name: "one" }, async () => ports.shift() ?? 0);
  t.after(async () => await agent[Symbol.asyncDispose]());
  deepEqual(ports, []);
  ok((await agent.admin.ask("/status/ready")).ok);
});

test("an agent asks for its key where it has one, and may be without tenants", { skip }, async (t) => {
  const folder = temporaryFolder(t);
  const agent = await agentFor(t, { name: "one", folder, multitenant: false, adminApiKey: "admin-key-1" });
  equal((await agent.admin.ask("/connections")).status, 200);
  equal((await fetch(`${agent.admin.url}/connections`)).status, 401);
  await rejects(agent.admin.call("/multitenancy/wallets"), { message: /^GET \/multitenancy\/wallets: the agent answered 404/u });
  await agent[Symbol.asyncDispose]();
  ok(existsSync(join(folder, "agent.yaml")), "a folder that was given stays");
});

test("an agent dies with its process, also when that is killed and the agent is paused, and leaves no folder", { skip }, async () => {
  const holder = spawn(process.execPath, [join(import.meta.dirname, "testing/agent-holder.ts")], { stdio: ["pipe", "pipe", "inherit"] });
  const [line] = (await once(createInterface({ input: holder.stdout }), "line")) as [string];
  const { pid, folder } = JSON.parse(line) as { readonly pid: number; readonly folder: string };
  ok(existsSync(`/proc/${pid}`));
  holder.kill("SIGKILL");
  await waitUntil(() => !existsSync(`/proc/${pid}`) && !existsSync(folder), GONE_MS_MAX, "agent and folder to be gone");
});
