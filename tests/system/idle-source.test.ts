/** A configuration whose rules lead nowhere: what could be read later is left where it is. */
import { equal, match, ok } from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { JournalWriter } from "../../src/sources/acapy-journal/testing/journal-writer.ts";
import { makeJournalSite } from "./support/agent-site.ts";
import { readMessages } from "./support/messages.ts";
import { command, start, statusOf, statusWhen, stop } from "./support/program.ts";

test("a journal is left alone while no rule leads to a destination that is there, and drained whole once one does", async (t) => {
  const site = makeJournalSite(t);
  const writer = new JournalWriter(join(site.journals, "agent-1"));
  for (const n of ["1", "2", "3"]) writer.append({ topic: "acapy::record::connections::active", wallet: "w", payload: { n } });
  const right = readFileSync(site.configuration, "utf8");
  writeFileSync(site.configuration, right.replace("  out:", "  other:"));
  const idle = await start(t, ["--config", site.configuration]);
  match(idle.errors(), /"source":"agent","msg":"not opened: no rule leads to a destination that is there/);
  const [source] = statusOf(site.data).sources;
  equal(source?.address, null);
  const { status, stdout } = command(["status", "--data", site.data]);
  equal(status, 1);
  match(stdout, /^source agent: not opened: no rule leads/m);
  ok(!stdout.includes("listens on"));
  await stop(idle);
  equal(readdirSync(writer.folder).includes("ack"), false);

  writeFileSync(site.configuration, right);
  const program = await start(t, ["--config", site.configuration]);
  statusWhen(site.data, ({ totals }) => totals.delivered === 3);
  equal(readMessages(site.events).length, 3);
  await stop(program);
});
