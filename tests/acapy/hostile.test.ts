/** What no agent should do to the plugin, and no disk to either side, from the bus to the destination. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { makeJournalSite, type JournalSite } from "../system/support/agent-site.ts";
import { readMessages, type MessageEvent } from "../system/support/messages.ts";
import { start, statusWhen, stop } from "../system/support/program.ts";
import { fillDisk, mountSmallDisk } from "../system/support/small-disk.ts";
import { guarantee } from "../guarantees.ts";
import { untilAcked } from "./support/acked.ts";
import { skipWithoutPython, startRaising, type Raised } from "./support/raising.ts";

guarantee({
  failure: "disk-full",
  capture: ["journal"],
  test: "journal and spool on one full disk: each event arrives or is told as given up, once, and the agent goes on",
  lost: "what the journal had no room for, after `holdMsMax`: each such event is told by a gap, with `fail-closed` by an error to its caller too",
  todo: "make room; it goes on by itself",
});

const skip = await skipWithoutPython();

/** Stands for a payload that is not whole, as the message says. */
const TRUNCATED = "truncated";

interface Gap {
  readonly first: number;
  readonly last: number;
  readonly reason: string;
}

interface Told {
  readonly topic: string;
  readonly payload: unknown;
  readonly payloadTruncated?: boolean;
  readonly payloadWithheld?: string;
}

/** Waits until all has arrived. What became of each event: its payload, or what is told in its stead. */
async function allOf(site: JournalSite, raised: Raised): Promise<Map<number, unknown>> {
  await untilAcked(join(site.journals, "agent-1"), raised);
  statusWhen(site.data, ({ totals, breaches }) => totals.pending === 0 && breaches.length === 0);
  return accounted(readMessages(site.events), raised.boot);
}

function accounted(messages: readonly MessageEvent[], boot: string): Map<number, unknown> {
  const found = new Map<number, unknown>();
  for (const { id, data } of messages) {
    const told = data as Told;
    ok(id.startsWith(`${boot}/`), id);
    if (told.topic !== "sidestream::journal::gap") add(Number(id.slice(boot.length + 1)), became(told));
    else for (let n = (told.payload as Gap).first; n <= (told.payload as Gap).last; n += 1) add(n, (told.payload as Gap).reason);
  }
  return found;

  function add(sequence: number, what: unknown): void {
    ok(!found.has(sequence), `${sequence} comes once`);
    found.set(sequence, what);
  }
}

function became({ payload, payloadTruncated, payloadWithheld }: Told): unknown {
  return payloadWithheld ?? (payloadTruncated === true ? TRUNCATED : payload);
}

/** What becomes of each entry of ODD in raise_events.py: its payload in the message, or what is told of it. */
const BECOMES: readonly unknown[] = [
  "a text",
  7,
  null,
  [1, { a: null }],
  { nul: "\0b" },
  { half: "\ud800x", "\udc00": 1 },
  { nan: null, infinite: null },
  { bytes: "/w==", "1": [2] },
  { digits: Infinity },
  TRUNCATED,
  "too-large",
  "unserialisable",
  "unserialisable",
  "too-deep",
  "unserialisable",
  "unserialisable",
  { topic: "with control characters" },
  { topic: "of 10 KB" },
  { wallet: "odd" },
  { wallet: "long" },
  { sound: true },
];

test("whatever an agent raises arrives, or what arrives says what is missing of it and why", { skip, timeout: 120_000 }, async (t) => {
  const site = makeJournalSite(t);
  const program = await start(t, ["--config", site.configuration]);
  const agent = await startRaising(t, site.journals);
  const raised = await agent.tell("odd");
  await agent.end();
  deepEqual(raised.dropped, { "too-large": 1, unserialisable: 4 });
  const arrived = await allOf(site, raised);
  deepEqual([...arrived.values()], BECOMES);
  await stop(program);
});

test(
  "journal and spool on one full disk: each event arrives or is told as given up, once, and the agent goes on",
  { skip, timeout: 120_000 },
  async (t) => {
    const disk = mountSmallDisk(t, 24 * 1024 * 1024);
    if (disk === null) return;
    const site = makeJournalSite(t, disk);
    const program = await start(t, ["--config", site.configuration]);
    const agent = await startRaising(t, site.journals, { bytesMax: "16MiB", holdMsMax: 100 });
    const ballast = join(disk, "ballast");
    await agent.tell("many 500 200");
    fillDisk(ballast);
    const full = await agent.tell("many 3000 4000");
    ok((full.dropped["disk"] ?? 0) > 0, `the disk became full: ${JSON.stringify(full.dropped)}`);
    rmSync(ballast);
    await agent.tell("many 500 200");
    // Halfway: the one side has room, and what it writes takes it from the other.
    fillDisk(ballast);
    await agent.tell("many 200 200");
    rmSync(ballast);
    const raised = await agent.tell("many 1 10");
    const { sequence, dropped } = raised;
    await agent.end();
    equal(sequence, 4201);
    const arrived = await allOf(site, raised);
    deepEqual(
      [...arrived.keys()],
      Array.from({ length: sequence }, (_, index) => index + 1),
    );
    await program.logged(`since the start of this program: ${dropped["disk"]} disk;`);
    const given = [...arrived.values()].filter((what) => typeof what === "string");
    equal(
      given.length,
      Object.values(dropped).reduce((sum, count) => sum + count, 0),
    );
    for (const [n, what] of arrived) if (typeof what !== "string") equal((what as { number: number }).number, n);
    await stop(program);
  },
);

test(
  "a journal that is taken away under a running agent is begun anew by both, and that is told",
  { skip, timeout: 120_000 },
  async (t) => {
    const site = makeJournalSite(t);
    const program = await start(t, ["--config", site.configuration]);
    const agent = await startRaising(t, site.journals, { heartbeatMs: 100 });
    const before = await agent.tell("many 100 50");
    await allOf(site, before);
    const folder = join(site.journals, "agent-1");
    renameSync(folder, join(site.journals, "..", "taken-away"));
    while (!existsSync(join(folder, "heartbeat"))) await delay(20);
    const raised = await agent.tell("many 100 50");
    equal(raised.sequence, 200);
    equal((await allOf(site, raised)).size, 200);
    await program.logged("was removed while the agent ran");
    await agent.end();
    await stop(program);
  },
);
