import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { RecordStatesReader } from "./record-states-reader.ts";
import { RecordStates, STATES_FILE, type RecordState, type RecordStatesOptions } from "./record-states.ts";

const BOOT = "0123456789abcdef".repeat(2);
const OTHER = "f".repeat(32);
const NOW = 1_800_000_000_000;
const DAY = 86_400_000;

interface Rig {
  readonly path: string;
  readonly notices: string[];
  states: RecordStates;
  open(): RecordStates;
}

function rig(t: TestContext, options: Partial<RecordStatesOptions> = {}): Rig {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-states-"));
  const path = join(folder, STATES_FILE);
  const notices: string[] = [];
  const open = () => RecordStates.open(path, { keepMs: 7 * DAY, rowsMax: 1_000, ...options }, (_level, text) => void notices.push(text));
  const all: Rig = { path, notices, states: open(), open };
  t.after(() => {
    all.states.close();
    chmodSync(folder, 0o700);
    rmSync(folder, { recursive: true });
  });
  return all;
}

function row(recordId: string, state: string | null, sequence: number, more: Partial<RecordState> = {}): RecordState {
  const base = { source: "agents", agent: "agent-1", wallet: "w1", category: "connections", timeMs: NOW + sequence };
  return { ...base, recordId, state, eventId: `${BOOT}/${sequence}`, ...more };
}

function read<Value>(path: string, use: (reader: RecordStatesReader) => Value): Value {
  using reader = new RecordStatesReader(path);
  return use(reader);
}

const stateOf = (path: string, recordId: string) => read(path, (reader) => reader.stateOf("w1", "connections", recordId)?.state);

test("of a record the newest state is kept, whatever the order in which states are noted", (t) => {
  const { states, path } = rig(t);
  states.note([row("a", "request", 2), row("a", "invitation", 1)], NOW);
  equal(stateOf(path, "a"), "request");
  states.note([row("a", "active", 3, { timeMs: NOW - DAY })], NOW);
  equal(stateOf(path, "a"), "active", "of one boot the sequence decides, also where the clock was set back");
  states.note([row("a", "old", 9, { eventId: `${OTHER}/9`, timeMs: NOW - 2 * DAY })], NOW);
  equal(stateOf(path, "a"), "active", "between boots the time decides");
  states.note([row("a", "completed", 1, { eventId: `${OTHER}/1`, timeMs: NOW - DAY, agent: "agent-2" })], NOW);
  deepEqual(
    read(path, (reader) => reader.stateOf("w1", "connections", "a")),
    row("a", "completed", 1, { eventId: `${OTHER}/1`, timeMs: NOW - DAY, agent: "agent-2" }),
  );
});

test("records are told apart by wallet and category, and a wallet may be absent, a state too", (t) => {
  const { states, path } = rig(t);
  states.note([
    row("a", "one", 1),
    row("a", "two", 2, { wallet: "w2" }),
    row("a", null, 3, { category: "mediation" }),
    row("a", "four", 4, { wallet: null }),
  ]);
  read(path, (reader) => {
    equal(reader.stateOf("w2", "connections", "a")?.state, "two");
    equal(reader.stateOf("w1", "mediation", "a")?.state, null);
    equal(reader.stateOf(null, "connections", "a")?.state, "four");
    equal(reader.stateOf("w3", "connections", "a"), null);
    deepEqual([reader.hasCategory("mediation"), reader.hasCategory("present_proof_v2_0")], [true, false]);
  });
});

test("what is noted is there after a restart, in a file that nobody else may read", (t) => {
  const all = rig(t);
  all.states.note([row("a", "request", 1)]);
  for (const end of ["", "-wal", "-shm"]) equal(statSync(`${all.path}${end}`).mode & 0o777, 0o600, end);
  all.states.close();
  all.states.close();
  all.states.note([row("a", "late", 2)]);
  equal(stateOf(all.path, "a"), "request", "also without the program, read-only");
  all.states = all.open();
  all.states.note([row("b", "request", 3)]);
  deepEqual([stateOf(all.path, "a"), stateOf(all.path, "b")], ["request", "request"]);
  deepEqual(all.notices, []);
});

test("what is too old is removed, a bounded number with each call, and is known to be missing from then on", (t) => {
  const all = rig(t, { keepMs: DAY });
  const begunMs = read(all.path, (reader) => reader.completeSinceMs);
  ok(begunMs <= Date.now() && begunMs > Date.now() - 60_000);
  all.states.note(
    Array.from({ length: 900 }, (_, number) => row(`old-${number}`, "x", number + 1, { timeMs: NOW + number })),
    NOW,
  );
  equal(stateOf(all.path, "old-0"), "x");
  all.states.note([row("new", "x", 1_000, { timeMs: NOW + 2 * DAY })], NOW + 2 * DAY);
  equal(stateOf(all.path, "old-0"), undefined);
  equal(stateOf(all.path, "old-256"), undefined);
  equal(stateOf(all.path, "old-257"), "x");
  equal(
    read(all.path, (reader) => reader.completeSinceMs),
    NOW + 257,
  );
  for (let call = 0; call < 3; call += 1) all.states.note([row("new", "x", 1_001 + call, { timeMs: NOW + 2 * DAY })], NOW + 2 * DAY);
  equal(stateOf(all.path, "old-899"), undefined);
  equal(stateOf(all.path, "new"), "x");
  equal(
    read(all.path, (reader) => reader.completeSinceMs),
    NOW + 900,
  );
});

test("beyond the number of rows the oldest are removed, over restarts, too", (t) => {
  const all = rig(t, { rowsMax: 10 });
  const noted = (from: number, to: number) =>
    all.states.note(
      Array.from({ length: to - from }, (_, index) => row(`r-${from + index}`, "x", from + index + 1, { timeMs: NOW + from + index })),
      NOW,
    );
  noted(0, 10);
  noted(5, 10);
  equal(stateOf(all.path, "r-0"), "x", "an update is no further row");
  all.states.close();
  all.states = all.open();
  noted(10, 13);
  deepEqual([stateOf(all.path, "r-2"), stateOf(all.path, "r-3"), stateOf(all.path, "r-12")], [undefined, "x", "x"]);
  equal(
    read(all.path, (reader) => reader.completeSinceMs),
    NOW + 3,
  );
});

test("rows that another source of the program adds or removes count, so that none is removed too early or stays too long", (t) => {
  const all = rig(t, { keepMs: 1_000, rowsMax: 100 });
  const other = all.open();
  t.after(() => other.close());
  const noted = (states: RecordStates, source: string, count: number, nowMs: number) =>
    states.note(
      Array.from({ length: count }, (_, index) => row(`${nowMs}-${index}`, "x", index + 1, { source, timeMs: nowMs })),
      nowMs,
    );
  const rows = () => {
    using database = new DatabaseSync(all.path, { readOnly: true });
    return (database.prepare("SELECT count(*) AS rows FROM states").get() as { rows: number }).rows;
  };
  noted(other, "b", 80, NOW);
  noted(all.states, "a", 1, NOW + 5_000);
  equal(rows(), 1, "what the other noted is too old");
  noted(other, "b", 80, NOW + 5_000);
  equal(rows(), 81);
  noted(all.states, "a", 80, NOW + 5_001);
  equal(rows(), 100);
});

for (const [what, damage] of [
  ["is no database", (path: string) => writeFileSync(path, "no database at all, ".repeat(1_000))],
  ["is cut", (path: string) => writeFileSync(path, readFileSync(path).subarray(0, 5_000))],
  [
    "has pages of something else",
    (path: string) => writeFileSync(path, Buffer.concat([readFileSync(path).subarray(0, 4_096), Buffer.alloc(60_000, 7)])),
  ],
  ["was written by a later release", (path: string) => new DatabaseSync(path).exec("PRAGMA user_version = 2")],
] as const) {
  test(`a file that ${what} is set aside with a notice, and begun anew`, (t) => {
    const all = rig(t);
    all.states.note(Array.from({ length: 500 }, (_, number) => row(`r-${number}`, "request", number + 1)));
    all.states.close();
    damage(all.path);
    const beforeMs = Date.now();
    all.states = all.open();
    all.states.note([row("a", "request", 1)]);
    all.states.note([row("a", "active", 2)]);
    equal(stateOf(all.path, "a"), "active");
    equal(all.notices.length, 1);
    match(all.notices[0] ?? "", /begun anew.*acapy-states\.sqlite\.damaged/);
    ok(existsSync(`${all.path}.damaged`));
    ok(read(all.path, (reader) => reader.completeSinceMs) >= beforeMs);
  });
}

test("damage is looked for after each start of the system, which a loss of power may have ended", (t) => {
  const all = rig(t);
  all.states.note(Array.from({ length: 500 }, (_, number) => row(`r-${number}`, "request", number + 1)));
  all.states.close();
  const database = new DatabaseSync(all.path);
  database.exec("UPDATE complete SET system_start = 'another'");
  database.close();
  const bytes = readFileSync(all.path);
  // A page that stands twice and one that is lost: each by itself looks well.
  bytes.copy(bytes, 5 * 4_096, 6 * 4_096, 7 * 4_096);
  writeFileSync(all.path, bytes);
  all.states = all.open();
  equal(all.notices.length, 1);
  match(all.notices[0] ?? "", /it is damaged/);
});

test("a folder that can't be used is told, costs nothing else, and is tried again after a while", (t) => {
  const all = rig(t);
  all.states.close();
  const folder = join(all.path, "..", "absent");
  const notices: string[] = [];
  const path = join(folder, STATES_FILE);
  all.states = RecordStates.open(path, { keepMs: DAY, rowsMax: 10 }, (_level, text) => void notices.push(text));
  for (let call = 0; call < 5; call += 1) all.states.note([row("a", "lost", 1)], Date.now());
  equal(notices.length, 1);
  match(notices[0] ?? "", /can't be noted, events go on/);
  mkdirSync(folder);
  const laterMs = Date.now() + 61_000;
  all.states.note([row("b", "active", 2, { timeMs: laterMs })], laterMs);
  equal(stateOf(path, "b"), "active");
  equal(
    read(path, (reader) => reader.completeSinceMs),
    laterMs,
    "what came before was not noted",
  );
});

test("a full disk loses what could not be noted, is told once, and leaves the rest", (t) => {
  const all = rig(t);
  all.states.note([row("a", "request", 1)], NOW);
  const beforeMs = read(all.path, (reader) => reader.completeSinceMs);
  // The table refuses, as a full disk would, in the midst of a transaction.
  const other = new DatabaseSync(all.path);
  other.exec("CREATE TRIGGER full BEFORE INSERT ON states WHEN NEW.record_id = 'c' BEGIN SELECT RAISE(ABORT, 'disk full'); END");
  all.states.note([row("b", "request", 2), row("c", "request", 3)], beforeMs + 1_000);
  equal(stateOf(all.path, "b"), undefined);
  equal(all.notices.length, 1);
  other.exec("DROP TRIGGER full");
  other.close();
  all.states.note([row("d", "request", 4)], beforeMs + 100_000);
  deepEqual([stateOf(all.path, "a"), stateOf(all.path, "d")], ["request", "request"]);
  equal(
    read(all.path, (reader) => reader.completeSinceMs),
    beforeMs + 100_000,
  );
  equal(all.notices.length, 1);
});

test("another process reads while states are noted, and neither waits for the other", { timeout: 60_000 }, async (t) => {
  const all = rig(t);
  all.states.note([row("a", "0", 1)]);
  const script = `
    const { RecordStatesReader } = await import(${JSON.stringify(new URL("./record-states-reader.ts", import.meta.url).href)});
    const reader = new RecordStatesReader(${JSON.stringify(all.path)});
    let last = -1;
    process.stdout.write("ready\\n");
    while (last < 500) {
      const state = Number(reader.stateOf("w1", "connections", "a").state);
      if (state < last) throw new Error("went back");
      last = state;
    }
    process.stdout.write("through\\n");
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const ended = once(child, "exit");
  await once(child.stdout, "data");
  for (let sequence = 2; sequence <= 502; sequence += 1) all.states.note([row("a", String(sequence - 2), sequence)]);
  deepEqual(await ended, [0, null]);
  deepEqual(all.notices, []);
});

test("a file that isn't there can't be read", (t) => {
  const { path } = rig(t);
  throws(() => new RecordStatesReader(`${path}.absent`), { code: "ERR_SQLITE_ERROR" });
});
