import { deepEqual, doesNotMatch, equal, match, ok, rejects } from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test, type TestContext } from "node:test";
import { openControlSocket } from "../../admin/control-socket.ts";
import { registerBuiltInDrivers } from "../../drivers.ts";
import { RecordStates, STATES_FILE, type RecordState } from "../../sources/acapy-journal/record-states.ts";
import { CATEGORIES } from "./record-listings.ts";
import { runReconcile, type ReconcileOptions } from "./reconcile.ts";
import { findStates } from "./states-place.ts";
import { startFakeAgent, type FakeAgentOptions } from "./testing/fake-agent.ts";
import { renewedToken, tokensOf } from "./wallet-tokens.ts";

before(registerBuiltInDrivers);

type Records = Readonly<Record<string, readonly Record<string, unknown>[]>>;

const RECORDED = JSON.parse(readFileSync(new URL("../../../tests/data/acapy/records.json", import.meta.url), "utf8")) as Records;
const SINCE = Date.parse("2026-11-23T19:50:00Z");
const BOOT = "0123456789abcdef".repeat(2);
const CONNECTION = "e8d48e2c-f374-417e-9c69-e0381d84de8e";
/** What journals had of the recorded ones. */
const JOURNALED = [
  ["connections", CONNECTION, "active"],
  ["out_of_band", "47cafe56-ee75-46a2-acbc-75543e835504", "await-response"],
  ["issue_credential_v2_0", "e9969c01-8440-49e0-9258-b317a25f1ae3", "done"],
  ["present_proof_v2_0", "6544af85-ab57-4a5b-8757-55a0327bd88d", "request-sent"],
  ["mediation", "70e75b05-29fc-435e-80c7-d99ada06e71e", "request"],
] as const;

interface Answer {
  readonly missing: readonly {
    readonly wallet: string | null;
    readonly category: string;
    readonly recordId: string;
    readonly journaled: unknown;
  }[];
  readonly unsure: readonly { readonly recordId: string }[];
  readonly compared: number;
  readonly notAsked: readonly { readonly wallet: string; readonly reason: string }[];
  readonly notes: readonly string[];
}

interface Rig {
  readonly dataFolder: string;
  readonly states: RecordStates;
  note(category: string, recordId: string, state: string | null, more?: Partial<RecordState>): void;
  run(agent: string, options?: Partial<ReconcileOptions>): Promise<{ readonly status: number; readonly text: string }>;
  ask(agent: string, options?: Partial<ReconcileOptions>): Promise<Answer & { readonly status: number }>;
}

/** @param completeMs - From when on the table is whole. */
function rig(t: TestContext, completeMs = SINCE - 1_000): Rig {
  const dataFolder = mkdtempSync(join(tmpdir(), "sidestream-reconcile-"));
  mkdirSync(join(dataFolder, "spool"));
  t.mock.timers.enable({ apis: ["Date"], now: completeMs });
  const states = RecordStates.open(join(dataFolder, STATES_FILE), { keepMs: 365 * 86_400_000, rowsMax: 1_000 }, () => undefined);
  t.mock.timers.reset();
  t.after(() => {
    states.close();
    rmSync(dataFolder, { recursive: true });
  });
  let sequence = 0;
  const run: Rig["run"] = async (url, options = {}) => {
    const lines: string[] = [];
    const output = { stdout: (text: string) => void lines.push(text), stderr: (text: string) => void lines.push(text), isTerminal: false };
    const access = { url, apiKey: null, token: null };
    const place = { dataFolder, path: join(dataFolder, STATES_FILE) };
    const all = {
      access,
      timeoutMs: 20_000,
      states: place,
      sinceMs: SINCE,
      categories: CATEGORIES,
      tokenOf: null,
      settleMs: 0,
      json: false,
    };
    const status = await runReconcile({ ...all, ...options }, output);
    return { status, text: lines.join("") };
  };
  return {
    dataFolder,
    states,
    note: (category, recordId, state, more = {}) => {
      sequence += 1;
      const timeMs = SINCE + sequence;
      states.note(
        [{ source: "agents", agent: "agent-1", wallet: null, category, recordId, state, timeMs, eventId: `${BOOT}/${sequence}`, ...more }],
        SINCE,
      );
    },
    run,
    ask: async (url, options = {}) => {
      const { status, text } = await run(url, { ...options, json: true });
      return { status, ...(JSON.parse(text) as Answer) };
    },
  };
}

const single = (records: Records): FakeAgentOptions => ({ wallets: null, records });

function connection(id: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  const times = { created_at: "2026-11-23T19:56:44.258575Z", updated_at: "2026-11-23T19:56:44.706987Z" };
  return { state: "active", ...times, connection_id: id, ...more };
}

test("nothing is told of recorded records whose states were journaled, in every kind that can be listed", async (t) => {
  const agent = await startFakeAgent(t, single(RECORDED));
  const all = rig(t);
  for (const [category, id, state] of JOURNALED) all.note(category, id, state);
  const { status, text } = await all.run(agent.url);
  equal(status, 0);
  match(text, /compared +5 records that changed since 2026-11-23T19:50:00\.000Z/);
  match(text, /Every change that the agent has was journaled\./);
  for (const [category] of JOURNALED) ok(CATEGORIES.includes(category));
});

test("a change that was never journaled is told with what the agent has and what was journaled last", async (t) => {
  const agent = await startFakeAgent(t, single(RECORDED));
  const all = rig(t);
  for (const [category, id, state] of JOURNALED) {
    if (category !== "connections") all.note(category, id, category === "issue_credential_v2_0" ? "offer-sent" : state);
  }
  const { status, missing, compared } = await all.ask(agent.url);
  deepEqual([status, compared], [1, 5]);
  deepEqual(missing, [
    {
      wallet: null,
      label: "agent",
      category: "connections",
      recordId: CONNECTION,
      state: "active",
      createdAt: "2026-11-23T19:56:44.258Z",
      updatedAt: "2026-11-23T19:56:44.706Z",
      journaled: null,
    },
    {
      wallet: null,
      label: "agent",
      category: "issue_credential_v2_0",
      recordId: "e9969c01-8440-49e0-9258-b317a25f1ae3",
      state: "done",
      createdAt: "2026-11-23T19:56:44.797Z",
      updatedAt: "2026-11-23T19:56:45.415Z",
      journaled: { state: "offer-sent", at: "2026-11-23T19:50:00.002Z", agent: "agent-1", event: `${BOOT}/2` },
    },
  ]);
  const { text } = await all.run(agent.url);
  match(text, /connections +e8d48e2c\S+ +active +2026-11-23T19:56:44\.706Z +nothing +-/);
  match(text, /issue_credential_v2_0 +e9969c01\S+ +done +\S+ +offer-sent +2026-11-23T19:50:00\.002Z/);
  match(text, /2 records changed, and the change was never journaled/);
});

test("a record that was not changed since then is not compared, nor one that was only written again", async (t) => {
  const old = { created_at: "2026-11-01T00:00:00Z", updated_at: "2026-11-23T19:49:59.999Z" };
  // As agents before 1.0 wrote times.
  const touched = { created_at: "2026-11-01 00:00:00Z", updated_at: "2026-11-23 19:57:00.000000Z" };
  const records = { "/connections": [connection("old", old), connection("kept", touched), connection("touched", touched)] };
  const agent = await startFakeAgent(t, single(records));
  const all = rig(t);
  all.note("connections", "kept", "active");
  const { status, compared, missing, unsure } = await all.ask(agent.url);
  deepEqual([status, compared, missing], [0, 2, []]);
  deepEqual(
    unsure.map(({ recordId }) => recordId),
    ["touched"],
  );
  match((await all.run(agent.url)).text, /Of 1 older record it can't be told: it was written again/);
});

test("all records are read, page by page, and a route that knows no pages is read once", async (t) => {
  const records = { "/connections": Array.from({ length: 250 }, (_, number) => connection(`c-${number}`)) };
  for (const ignoresPages of [false, true]) {
    const agent = await startFakeAgent(t, { ...single(records), ignoresPages });
    const { status, compared, missing } = await rig(t).ask(agent.url, { categories: ["connections"] });
    deepEqual([status, compared, missing.length], [1, 250, 250]);
    equal(agent.requests.filter((request) => request.includes("/connections")).length, ignoresPages ? 2 : 3);
    ok(!agent.requests.some((request) => request.includes("/issue-credential")));
  }
});

test("a record that goes on while it is compared is not told", async (t) => {
  const agent = await startFakeAgent(t, single({ "/connections": [connection("a"), connection("b")] }));
  const all = rig(t);
  all.note("connections", "a", "deleted", { timeMs: Date.now() });
  all.note("connections", "b", "deleted");
  deepEqual(
    (await all.ask(agent.url)).missing.map(({ recordId }) => recordId),
    ["b"],
  );
});

test("what is journaled meanwhile is waited for while Sidestream runs", async (t) => {
  const agent = await startFakeAgent(t, single({ "/connections": [connection("a")] }));
  const all = rig(t);
  let asked = 0;
  const control = await openControlSocket(all.dataFolder, async () => {
    asked += 1;
    if (asked === 2) all.note("connections", "a", "active");
    return { sources: [{ source: "agents", samples: { 'sidestream_acapy_journal_backlog_bytes{journal="agent-1"}': 70 } }] };
  });
  t.after(() => control.close());
  deepEqual(await all.ask(agent.url, { settleMs: 20_000 }).then(({ status, missing, notes }) => [status, missing, notes]), [0, [], []]);
  equal(asked, 2);
  all.states.note(
    [
      {
        source: "agents",
        agent: "a",
        wallet: null,
        category: "connections",
        recordId: "a",
        state: "x",
        timeMs: SINCE + 99,
        eventId: `${BOOT}/99`,
      },
    ],
    SINCE,
  );
  const { status, notes } = await all.ask(agent.url);
  equal(status, 1);
  match(notes.join(), /^70 bytes of the journals are not read yet/);
});

test("where Sidestream doesn't run, or a kind is never noted, that is said", async (t) => {
  const agent = await startFakeAgent(t, single({ "/connections": [connection("a")] }));
  const { notes } = await rig(t).ask(agent.url);
  match(notes.join("\n"), /Sidestream does not run on this data folder/);
  match(notes.join("\n"), /no change of any connections is noted: does `events` of the plugin/);
});

const TENANTS: FakeAgentOptions = {
  wallets: [
    { id: "w-alice", label: "Alice", records: RECORDED },
    { id: "w-bob", label: "Bob", records: { "/connections": [connection("bobs")] } },
    { id: "w-carol", label: "Carol", records: {} },
  ],
};

async function tokensFile(t: TestContext, content: unknown) {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-tokens-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "tokens.json");
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return tokensOf(path);
}

test("each tenant's records are compared in its name, and one that can't be asked is told", async (t) => {
  const agent = await startFakeAgent(t, TENANTS);
  const all = rig(t);
  for (const [category, id, state] of JOURNALED) all.note(category, id, state, { wallet: "w-alice" });
  const tokenOf = await tokensFile(t, { "w-alice": "token-of-w-alice", "w-bob": "old-token" });
  const { status, compared, missing, notAsked } = await all.ask(agent.url, { tokenOf });
  deepEqual([status, compared, missing], [2, 5, []]);
  deepEqual(
    notAsked.map(({ wallet, reason }) => [wallet, reason]),
    [
      ["w-bob", "GET /connections?limit=100&offset=0: the agent answers 401: its token is not, or no more, the one that the agent takes"],
      ["w-carol", "no token is named for it"],
    ],
  );
  const { text } = await all.run(agent.url, { tokenOf });
  match(text, /not asked: w-carol Carol: no token/);
  match(text, /^Every change that was compared was journaled, but 2 wallets could not be asked\.$/m);
  const ofNobody = await all.run(agent.url, { tokenOf: await tokensFile(t, {}) });
  match(ofNobody.text, /^Nothing was compared: 3 wallets could not be asked\.$/m);
  equal(ofNobody.status, 2);
  ok(!agent.requests.some((request) => request.startsWith("POST")), "nothing is changed in the agent");
});

test("new tokens are made where that was asked for, and of another wallet's record nothing is taken for its own", async (t) => {
  const agent = await startFakeAgent(t, TENANTS);
  const all = rig(t);
  for (const [category, id, state] of JOURNALED) all.note(category, id, state, { wallet: "w-alice" });
  all.note("connections", "bobs", "active", { wallet: "w-alice" });
  const { status, missing, notAsked } = await all.ask(agent.url, { tokenOf: renewedToken });
  deepEqual([status, notAsked], [1, []]);
  deepEqual(
    missing.map(({ wallet, recordId }) => [wallet, recordId]),
    [["w-bob", "bobs"]],
  );
  equal(agent.tokenOf("w-bob"), "renewed-token-of-w-bob");
});

test("an agent with tenants isn't asked without a word on their tokens, for new ones end those in use", async (t) => {
  const agent = await startFakeAgent(t, TENANTS);
  await rejects(rig(t).ask(agent.url), { code: "SST_COMMAND_INVALID", exit: 2, message: /--tokens-file.*--renew-tokens/ });
  const bad = { code: "SST_COMMAND_INVALID", message: /^(?!.*secret)/ };
  for (const content of ["secret", ["secret"], { w: 7 }, { w: "secret\nline" }]) await rejects(tokensFile(t, content), bad);
  await rejects(tokensOf("/nowhere/tokens.json"), { code: "SST_CONFIG_UNREADABLE" });
});

test("what an agent tells can't do anything to the terminal, and odd records are passed over", async (t) => {
  const odd = [
    connection("\u001b[2J", { state: "\u0007" }),
    {},
    { state: 7 },
    connection("x", { updated_at: "soon" }),
    connection("y", { state: null }),
  ];
  const agent = await startFakeAgent(t, single({ "/connections": odd, "/issue-credential-2.0/records": [{ cred_ex_record: null }, {}] }));
  const { text } = await rig(t).run(agent.url);
  match(text, /1 record changed/);
  doesNotMatch(text, /\p{Cf}|(?!\n)\p{Cc}/u);
});

test("an agent that is gone midway is an error, not an answer", async (t) => {
  const agent = await startFakeAgent(t, {
    ...TENANTS,
    intercept: ({ url, headers }, response) => {
      if (url?.startsWith("/connections") !== true || headers.authorization !== "Bearer token-of-w-bob") return false;
      response.destroy();
      return true;
    },
  });
  const tokenOf = await tokensFile(t, { "w-alice": "token-of-w-alice", "w-bob": "token-of-w-bob" });
  await rejects(rig(t).ask(agent.url, { tokenOf }), { code: "SST_AGENT_UNREACHABLE", exit: 2 });
});

test("a time that states don't reach back to is refused with the reason", async (t) => {
  const nowMs = Date.now();
  const { dataFolder } = rig(t, nowMs - 3_600_000);
  const at = (ms: number) => findStates({ data: dataFolder }, "T", ms, {});
  equal((await at(nowMs - 3_500_000)).dataFolder, dataFolder);
  await rejects(at(nowMs - 3_700_000), {
    code: "SST_COMMAND_INVALID",
    exit: 2,
    message: /^--since T: the states of records are whole since \d{4}-.* Ask with that time, or a later one$/,
  });
  await rejects(at(nowMs + 60_000), { code: "SST_COMMAND_INVALID", message: /still to come/ });
  const config = join(dataFolder, "sidestream.yaml");
  const withSources = (sources: string) => writeFileSync(config, `version: 1\ndata: .\nsources: { ${sources} }\n`);
  withSources("agents: { type: acapy-journal, journals: j, keepStates: 1h }, others: { type: acapy-journal, journals: k }");
  await rejects(findStates({ config }, "2h", nowMs - 7_200_000, {}), {
    code: "SST_COMMAND_INVALID",
    message: /kept for 1h, as `keepStates` says/,
  });
  equal((await findStates({ config }, "1m", nowMs - 60_000, {})).dataFolder, dataFolder);
  withSources("hooks: { type: acapy-webhook, listen: '127.0.0.1:0' }");
  await rejects(findStates({ config }, "1m", nowMs - 60_000, {}), {
    code: "SST_COMMAND_INVALID",
    message: /no source of type acapy-journal/,
  });
  rmSync(join(dataFolder, STATES_FILE));
  await rejects(at(nowMs), { code: "SST_DATA_MISSING", exit: 2, message: /acapy-states\.sqlite/ });
  await rejects(findStates({ data: join(dataFolder, "absent") }, "1m", nowMs, {}), { code: "SST_DATA_MISSING" });
});
