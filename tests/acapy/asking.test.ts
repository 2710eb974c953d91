/** What `sidestream acapy` tells of real agents. */
import { deepEqual, doesNotMatch, equal, match } from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { startAgent } from "../../tools/acapy/agent.ts";
import { connect } from "../../tools/acapy/drive.ts";
import { skipWithoutAgents } from "../../tools/acapy/for-tests.ts";
import { createTenant } from "../../tools/acapy/tenant.ts";
import { makeJournalSite } from "../system/support/agent-site.ts";
import { command, start, stop, temporaryFolder } from "../system/support/program.ts";

const PLUGIN = resolve(import.meta.dirname, "../../plugins/acapy/src");
const CRASH = resolve(import.meta.dirname, "support/crash");
const API_KEY = "admin-key";
const environment = { SIDESTREAM_ADMIN_API_KEY: API_KEY };
const skip = await skipWithoutAgents();

interface Answer {
  readonly missing: readonly { readonly wallet: string; readonly category: string; readonly state: string; readonly journaled: unknown }[];
  readonly unsure: readonly unknown[];
  readonly notAsked: readonly { readonly wallet: string; readonly reason: string }[];
}

test(
  "a change that an agent wrote and died before it told its bus is found by reconcile, and nothing else",
  { skip, timeout: 180_000 },
  async (t) => {
    const folder = temporaryFolder(t);
    const { journals, configuration } = makeJournalSite(t, folder);
    const [armed, tokens] = [join(folder, "armed"), join(folder, "tokens.json")];
    const program = await start(t, ["--config", configuration]);
    const since = new Date().toISOString();
    await using agent = await startAgent({
      name: "agent-1",
      adminApiKey: API_KEY,
      plugins: ["sidestream_acapy", "sidestream_crash"],
      pluginFolders: [PLUGIN, CRASH],
      pluginConfig: { sidestream: { journals, agent: "agent-1" } },
      environment: { CRASH_FILE: armed },
    });
    const [alice, bob] = await Promise.all([createTenant(agent, { label: "alice" }), createTenant(agent, { label: "bob" })]);
    writeFileSync(tokens, JSON.stringify({ [alice.walletId]: alice.token, [bob.walletId]: bob.token }));
    const asked = ["acapy", "reconcile", "--admin", agent.admin.url, "--config", configuration];
    const reconcile = (...more: string[]): ReturnType<typeof command> => command([...asked, ...more], { env: environment });
    const told = (...more: string[]): Answer & { readonly status: number | null } => {
      const { status, stdout } = reconcile("--since", since, "--json", ...more);
      return { ...(JSON.parse(stdout) as Answer), status };
    };
    const { inviter } = await connect(alice, bob);

    const before = reconcile("--since", since, "--tokens-file", tokens);
    match(before.stdout, /Every change that the agent has was journaled/);
    equal(before.status, 0);

    // An event that names its connection as well, of which other events were journaled.
    writeFileSync(armed, "acapy::record::mediation::");
    const ended = agent.untilEnded();
    await alice.admin.post(`/mediation/request/${inviter}`).catch(() => undefined);
    await ended;
    rmSync(armed);
    await agent.start();
    const found = told("--renew-tokens");
    equal(found.status, 1);
    deepEqual(
      found.missing.map(({ wallet, category, state, journaled }) => ({ wallet, category, state, journaled })),
      [{ wallet: alice.walletId, category: "mediation", state: "request", journaled: null }],
    );
    deepEqual([found.unsure, found.notAsked], [[], []]);

    const refused = told("--tokens-file", tokens);
    equal(refused.status, 2);
    deepEqual(refused.notAsked.map(({ wallet }) => wallet).toSorted(), [alice.walletId, bob.walletId].toSorted());
    for (const { reason } of refused.notAsked) match(reason, /answers 401/);

    const tooOld = reconcile("--since", "2h", "--tokens-file", tokens);
    equal(tooOld.status, 2);
    match(tooOld.stderr, /SST_/);

    const doctor = command(["acapy", "doctor", "--admin", agent.admin.url, "--json"], { env: environment });
    equal(doctor.status, 0);
    const { wallets } = JSON.parse(doctor.stdout) as { readonly wallets: readonly { readonly by: string }[] };
    deepEqual(
      wallets.map(({ by }) => by),
      ["plugin", "plugin", "plugin"],
    );
    await stop(program);
  },
);

test("the doctor tells whose events would not arrive, and what it says is what helps", { skip, timeout: 180_000 }, async () => {
  await using agent = await startAgent({
    name: "posting",
    adminApiKey: API_KEY,
    webhookUrls: ["http://127.0.0.1:9/hooks#key-of-the-agent"],
  });
  const webhookUrls = ["http://127.0.0.1:10/carol#key-of-carol"];
  await createTenant(agent, { label: "alice" });
  const carol = await createTenant(agent, { label: "carol", dispatchType: "default", webhookUrls });
  await createTenant(agent, { label: "dave", dispatchType: "both", webhookUrls });
  const doctor = (key: string): ReturnType<typeof command> =>
    command(["acapy", "doctor", "--admin", agent.admin.url], { env: { SIDESTREAM_ADMIN_API_KEY: key } });
  const { status, stdout } = doctor(API_KEY);
  equal(status, 1);
  match(stdout, /version 1\.7\.0, 3 tenants/);
  match(stdout, /carol +default +http:\/\/127\.0\.0\.1:10\/carol +no: its events go to its own webhook URLs alone/);
  match(stdout, /The events of 1 of 4 wallets don't arrive/);
  doesNotMatch(stdout, /key-of|admin-key/);
  await agent.admin.call(`/multitenancy/wallet/${carol.walletId}`, { method: "PUT", body: { wallet_dispatch_type: "both" } });
  equal(doctor(API_KEY).status, 0);
  equal(doctor("wrong").status, 2);
});
