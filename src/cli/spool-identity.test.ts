import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { before, test, type TestContext } from "node:test";
import { openControlSocket } from "../admin/control-socket.ts";
import { configFolder } from "../config/testing/config-folder.ts";
import { registerFakeDrivers } from "../config/testing/fake-drivers.ts";
import { registerDestination } from "../driver/registry.ts";
import type { IdentityAction } from "../flow/identity-act.ts";
import { DestinationLog } from "../flow/spool/destination-log.ts";
import { disk } from "../flow/spool/disk.ts";
import { lockDataFolder } from "../flow/spool/lock.ts";
import { createLog } from "../observe/log.ts";
import { runSpoolIdentity } from "./spool-identity.ts";
import { fakeKafka } from "./testing/fake-kafka.ts";

before(() => {
  registerFakeDrivers();
  registerDestination(fakeKafka("fake").driver);
});

const CONFIGURATION = "version: 1\ndata: ./data\ndestinations:\n  kafka1: { type: fake }\n  files: { type: file, path: out }\n";

function site(context: TestContext): string {
  return configFolder(context, { "sidestream.yaml": CONFIGURATION });
}

interface Told {
  readonly msg: string;
  readonly user?: string;
}

async function identity(
  folder: string,
  action: IdentityAction,
  over: { readonly destination?: string; readonly config?: null; readonly json?: boolean; readonly sudo?: string } = {},
) {
  let stdout = "";
  const told: Told[] = [];
  const log = createLog({ level: "warn", name: "test", write: (line) => told.push(JSON.parse(line) as Told) });
  const config = over.config === null ? null : join(folder, "sidestream.yaml");
  const options = {
    action,
    destination: over.destination ?? "kafka1",
    config,
    data: join(folder, "data"),
    json: over.json === true,
    environment: over.sudo === undefined ? {} : { SUDO_USER: over.sudo },
  };
  const status = await runSpoolIdentity(options, { stdout: (text) => void (stdout += text), stderr: () => undefined }, log);
  return { status, stdout, told };
}

/** A log in which an earlier run kept who it was. */
async function used(folder: string): Promise<void> {
  const log = await DestinationLog.open({
    disk,
    folder: join(folder, "data/spool/kafka1"),
    destination: "kafka1",
    bytesMax: 2 ** 30,
    topicsMax: 10,
    numbered: true,
    onFinding: () => undefined,
  });
  await log.memory.set("cluster", "old-cluster");
  await log.memory.set("producer", "17");
  await log.close();
}

test("where nothing runs the spool is opened: what is known is shown, and stays", async (context) => {
  const folder = site(context);
  await used(folder);
  const shown = "what      value\ncluster   old-cluster\nproducer  17\n";
  deepEqual(await identity(folder, "show"), { status: 0, stdout: shown, told: [] });
  equal((await identity(folder, "show")).stdout, shown);
  deepEqual(JSON.parse((await identity(folder, "show", { json: true })).stdout), {
    destination: "kafka1",
    action: "show",
    identity: [
      { name: "cluster", value: "old-cluster" },
      { name: "producer", value: "17" },
    ],
  });
});

test("accepting is on disk, tells before and after and what it means, and logs who decided", async (context) => {
  const folder = site(context);
  await used(folder);
  const { status, stdout, told } = await identity(folder, "accept", { sudo: "ada" });
  equal(status, 0);
  match(
    stdout,
    /^kafka1 before:\nwhat +value\ncluster +old-cluster\nproducer +17\n\nkafka1 after:\nwhat +value\ncluster +new-cluster\nproducer +17\n\n/,
  );
  match(stdout, /what is pending goes there\. What was in doubt may arrive twice\.\n$/);
  equal(told.length, 1);
  match(told[0]?.user ?? "", /^ada as .+/);
  match(told[0]?.msg ?? "", /^the identity of kafka1: ada as .+ decided to accept$/);
  match((await identity(folder, "show")).stdout, /^cluster +new-cluster$/m);
});

test("forgetting leaves nothing", async (context) => {
  const folder = site(context);
  await used(folder);
  match((await identity(folder, "reset")).stdout, /^kafka1 before:[^]*kafka1 after:\nNothing is known[^]*its numbers begin anew/);
  const { stdout } = await identity(folder, "reset", { json: true });
  deepEqual((JSON.parse(stdout) as { readonly after: unknown }).after, []);
  match((await identity(folder, "show")).stdout, /Nothing is known: nothing was sent yet/);
});

test("a decision that changes nothing is told as such", async (context) => {
  const folder = site(context);
  await used(folder);
  await identity(folder, "accept");
  match((await identity(folder, "accept")).stdout, /^what +value\n[^]*\nThere was nothing to decide: all is as it was\.\n$/);
});

test("while the program runs it is asked, and the spool is left alone", async (context) => {
  const folder = site(context);
  await used(folder);
  const lock = await lockDataFolder(join(folder, "data"));
  context.after(() => lock.release());
  const asked: unknown[] = [];
  const listener = await openControlSocket(join(folder, "data"), (command, payload) => {
    asked.push([command, payload]);
    return Promise.resolve({ before: [["cluster", "a"]], after: [["cluster", "b"]] });
  });
  context.after(() => listener.close());
  for (const config of [undefined, null] as const) {
    const { status, stdout, told } = await identity(folder, "accept", config === null ? { config } : {});
    equal(status, 0);
    match(stdout, /^kafka1 before:\nwhat +value\ncluster +a\n\nkafka1 after:\nwhat +value\ncluster +b\n/);
    // The running program logs it.
    deepEqual(told, []);
  }
  equal(asked.length, 2);
  const [command, { user, ...payload }] = asked[0] as [string, Record<string, unknown>];
  deepEqual([command, payload], ["identity", { destination: "kafka1", action: "accept" }]);
  ok(typeof user === "string" && user !== "");
});

test("a program that runs and doesn't answer keeps its spool", async (context) => {
  const folder = site(context);
  await used(folder);
  const lock = await lockDataFolder(join(folder, "data"));
  context.after(() => lock.release());
  await rejects(identity(folder, "show"), { code: "SST_SPOOL_LOCKED" });
});

test("without a program and without a configuration it is said what is missing", async (context) => {
  const folder = site(context);
  await rejects(identity(folder, "show", { config: null }), { code: "SST_DATA_MISSING" });
  (await lockDataFolder(join(folder, "data"))).release();
  await rejects(identity(folder, "show", { config: null }), { code: "SST_COMMAND_INVALID", message: /--config/ });
});

test("an unknown destination and one that has no identity are told apart", async (context) => {
  const folder = site(context);
  await rejects(identity(folder, "show", { destination: "kafka2" }), {
    code: "SST_COMMAND_INVALID",
    message: 'no destination is named "kafka2"; did you mean kafka1?',
  });
  await rejects(identity(folder, "reset", { destination: "files" }), {
    code: "SST_COMMAND_INVALID",
    message: 'destination "files" is of type file, which has no identity to decide about',
  });
});

test("before the first start nothing is known and nothing is made", async (context) => {
  const folder = site(context);
  match((await identity(folder, "show")).stdout, /Nothing is known/);
  await rejects(identity(folder, "accept"), { code: "SST_COMMAND_INVALID", message: /has no log of kafka1 yet/ });
  equal(existsSync(join(folder, "data")), false);
});
