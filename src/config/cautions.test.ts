/** What is said of sources that lose events by nature, and of those that are in each other's way. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { registerBuiltInDrivers } from "../drivers.ts";
import { configFolder, findingsOf, linesOf, loadFolder } from "./testing/config-folder.ts";

before(registerBuiltInDrivers);

const AGENTS = "agents: { type: acapy-websocket, url: 'ws://agent:8031/ws'";
const CONFIGURATION = `version: 1
enabled: true
sources:
  ${AGENTS} }
destinations:
  kafka1: { type: kafka, brokers: [ "k1:9092" ] }
streams: [ a.yaml ]
`;
const RULES = "stream: a\ntenants: all\nrules: [ 'EVENTTYPE=agent , publish , kafka1:x' ]\n";
const CAUTION =
  "sidestream.yaml:4:19 sources.agents.type: warning: events while the socket is down are lost, and nobody can tell which: the agent repeats none";

test("a source that loses what comes while it is not connected is a warning when it is loaded", async (context) => {
  const folder = configFolder(context, { "sidestream.yaml": CONFIGURATION, "a.yaml": RULES });
  assert.deepEqual(linesOf((await loadFolder(folder)).warnings, folder), [CAUTION]);
});

test("exactly-once fed by it is a warning that says so, and what to take in its place", async (context) => {
  const folder = configFolder(context, { "sidestream.yaml": CONFIGURATION, "a.yaml": `${RULES}delivery: exactly-once\n` });
  const { warnings } = await loadFolder(folder);
  assert.deepEqual(linesOf(warnings, folder), [
    CAUTION,
    "a.yaml:4:11 delivery: warning: exactly-once is promised from the spool on, and events of agents may be lost before it",
  ]);
  assert.match(warnings[1]?.hint ?? "", /docs\/acapy\.md/);
});

test("a source whose events name their tenants takes no platform", async (context) => {
  const configuration = CONFIGURATION.replace(`${AGENTS} }`, `${AGENTS}, platform: { type: none } }`);
  const folder = configFolder(context, { "sidestream.yaml": configuration, "a.yaml": RULES });
  assert.deepEqual(linesOf(await findingsOf(folder), folder), [
    "sidestream.yaml:4:63 sources.agents: a source of type acapy-websocket knows its tenants itself and takes no platform",
  ]);
});

test("two sources that drain one folder are told at the second, however its path is written", async (context) => {
  const journals = (name: string, folder: string): string => `  ${name}: { type: acapy-journal, tenant: base, journals: ${folder} }\n`;
  const sources = `sources:\n${journals("a", "./j")}${journals("b", "./k")}${journals("c", "./k/../j")}`;
  const configuration = CONFIGURATION.replace(/^sources:\n.*\n/m, sources);
  const folder = configFolder(context, { "sidestream.yaml": configuration, "a.yaml": RULES });
  assert.deepEqual(linesOf(await findingsOf(folder), folder), [
    "sidestream.yaml:6:53 sources.c.journals: source a has the same, and only one can",
  ]);
});
