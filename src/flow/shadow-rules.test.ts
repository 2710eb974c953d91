/** Rules in shadow through the whole flow: whatever they lead to, nothing of them is made, waited for or refused. */
import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { registerDestination } from "../driver/registry.ts";
import { SidestreamError } from "../errors.ts";
import { conservationBreaches } from "../observe/conservation.ts";
import { createLog } from "../observe/log.ts";
import type { Event } from "./event.ts";
import { Flow } from "./flow.ts";
import { parseRule } from "./match/parse.ts";
import { flowSettings, outDestination } from "./message/testing/flow-settings.ts";
import { body, JSON_TYPE, stream, transactionEvent } from "./message/testing/messages.ts";
import type { Delivery, DestinationSettings, FlowSettings } from "./settings.ts";
import { ScriptedDestination } from "./transmit/testing/scripted-destination.ts";

const MIB = 2 ** 20;

/** Rules as text; those that begin with `~` are in shadow. `away` is a destination that can't be reached, `out` takes all. */
async function openFlow(context: TestContext, rules: readonly string[], delivery: Delivery = "at-least-once") {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-shadow-"));
  const out = new ScriptedDestination();
  const away = new ScriptedDestination();
  away.beforeOpen = () => Promise.reject(new SidestreamError("SST_DESTINATION_UNREACHABLE", "not yet"));
  registerDestination({ ...out.driver, type: "shadow-out" });
  registerDestination({ ...away.driver, type: "shadow-away" });
  const destinations = ["out", "away"].map((name): DestinationSettings => ({
    ...outDestination(`shadow-${name}`),
    name,
    spool: { bytesMax: MIB, whenFull: "refuse", tenantSharePercent: 100, parkBytes: MIB },
  }));
  const settings: FlowSettings = {
    ...flowSettings(folder, "shadow-out", []),
    streams: [
      stream({
        id: "tried",
        delivery,
        rules: rules.map((text, index) => ({
          ...parseRule(text.replace(/^~/, "")).rule,
          number: index + 1,
          mode: text.startsWith("~") ? "shadow" : "live",
        })),
      }),
    ],
    destinations,
  };
  const flow = await Flow.open(settings, createLog({ level: "silent", name: "test" }));
  context.after(async () => {
    await flow.close(0);
    rmSync(folder, { recursive: true, force: true });
  });
  const counts = () => flow.snapshot().shadows.map(({ rule, matched, wouldAct }) => [rule, matched, wouldAct]);
  return { flow, out, away, counts };
}

function event(method: string, id: string): Event {
  return { ...transactionEvent({ method, requestHeaders: JSON_TYPE, requestBody: body(JSON.stringify("x".repeat(20_000))) }), id };
}

test("a shadow rule makes nothing where its destination is full or not there, and refuses no event for it", async (context) => {
  const { flow, counts } = await openFlow(context, [
    "METHOD=PUT , publish , away:fill",
    "METHOD=POST , publish , out:things",
    "~METHOD=POST , publish , away:tried",
    "~METHOD=POST , publish , nowhere:{module}",
    "~METHOD=PUT , publish , out:tried",
  ]);
  let taken = 0;
  while (flow.accept(event("PUT", `fill${taken}`), true).refused === null) taken += 1;
  ok(taken > 0);
  await flow.flush();
  for (let index = 0; index < 3; index += 1) {
    const accepted = flow.accept(event("POST", `e${index}`), true);
    deepEqual([accepted.refused, accepted.writes.length], [null, 1]);
  }
  deepEqual(await flow.flush(), new Set());
  deepEqual(
    counts(),
    [
      [3, 3, 3],
      [4, 3, 3],
      [5, taken, taken],
    ],
    "the event that was refused may come again, and isn't counted",
  );
  const { messages } = flow.snapshot();
  deepEqual(conservationBreaches(messages), []);
  deepEqual(Object.fromEntries(messages.map(({ destination, accepted }) => [destination, accepted])), { away: taken, out: 3 });
});

test("a shadow ignore lets everything through and counts what it would have silenced", async (context) => {
  const { flow, counts } = await openFlow(context, ["METHOD=POST , publish , out:things", "~METHOD , ignore"]);
  for (const [index, method] of ["POST", "GET", "POST"].entries()) flow.accept(event(method, `e${index}`), false);
  await flow.flush();
  deepEqual(counts(), [[2, 3, 2]]);
  equal(flow.snapshot().messages[0]?.accepted, 2);
});

test("with shadow rules alone no log is in use: no request needs room, and none of their messages is kept", async (context) => {
  for (const delivery of ["at-least-once", "at-most-once"] as const) {
    const { flow, out, away, counts } = await openFlow(
      context,
      ["~METHOD=POST , publish , away:tried", "~METHOD=POST , publish , out:tried"],
      delivery,
    );
    equal(flow.roomBytes, Number.MAX_SAFE_INTEGER);
    deepEqual(flow.accept(event("POST", "e1"), true), { refused: null, writes: [] });
    await flow.flush();
    deepEqual(counts(), [
      [1, 1, 1],
      [2, 1, 1],
    ]);
    const { messages, destinations } = flow.snapshot();
    deepEqual(messages, []);
    deepEqual(new Set(destinations.map(({ memory }) => memory)), new Set([null]), "nor is any memory set aside");
    deepEqual([...out.arrived, ...away.arrived], []);
  }
});

test("a flow without rules in shadow tells of none", async (context) => {
  const { flow } = await openFlow(context, ["METHOD=POST , publish , out:things"]);
  notEqual(flow.accept(event("POST", "e1"), false).writes.length, 0);
  deepEqual(flow.snapshot().shadows, []);
});
