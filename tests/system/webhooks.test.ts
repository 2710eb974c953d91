/** Every recorded webhook of a real agent, through the running program. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { makeAgentSite } from "./support/agent-site.ts";
import { readMessages } from "./support/messages.ts";
import { start, statusWhen, stop } from "./support/program.ts";

interface Recorded {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: unknown;
}

const RECORDED = readFileSync(resolve(import.meta.dirname, "../data/acapy/webhooks.jsonl"), "utf8")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => JSON.parse(line) as Recorded);

test(
  "each recorded webhook is answered 200 and becomes one message of its wallet, keys and secrets removed",
  { timeout: 120_000 },
  async (t) => {
    const site = makeAgentSite(t, '{ type: acapy-webhook, listen: "127.0.0.1:0", apiKey: hook-key-1, tenant: base }');
    const program = await start(t, ["--config", site.configuration]);
    const url = program.address("agent");
    const send = ({ path, headers, body }: Recorded, key: string) =>
      fetch(`${url}${path}`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "x-api-key": key,
          ...(headers["x-wallet-id"] === undefined ? {} : { "x-wallet-id": headers["x-wallet-id"] }),
        },
        body: JSON.stringify(body),
      });
    for (const recorded of RECORDED) equal((await send(recorded, "hook-key-1")).status, 200);
    equal((await send(RECORDED[0] as Recorded, "wrong")).status, 401);
    const status = statusWhen(site.data, ({ totals }) => totals.pending === 0);
    equal(status.totals.delivered, RECORDED.length);
    deepEqual(status.breaches, []);
    await stop(program);

    const messages = readMessages(site.events);
    equal(messages.length, RECORDED.length);
    const wallets = (all: readonly string[]) => all.toSorted();
    deepEqual(
      wallets(messages.map((message) => String(message["sidestreamtenant"]))),
      wallets(RECORDED.map(({ headers }) => headers["x-wallet-id"] ?? "base")),
    );
    ok(!JSON.stringify(messages).includes("hook-key-1"));
    // Nothing but what is removed on purpose differs from what the agent sent.
    const untouched = messages.filter(({ data }) => (data as { redacted: unknown[] }).redacted.length === 0);
    const sent = new Set(RECORDED.map(({ body }) => JSON.stringify(body)));
    ok(untouched.length > RECORDED.length / 2, `${untouched.length} untouched`);
    deepEqual(
      untouched.filter(({ data }) => !sent.has(JSON.stringify((data as { payload: unknown }).payload))),
      [],
    );
  },
);
