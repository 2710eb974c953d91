/** Replay by a program that runs: what was delivered is sent once more, from its log and its archive, marked, and counted apart. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { command, start, statusWhen, stop } from "./support/program.ts";
import { makeSite, post, type Site } from "./support/site.ts";

/** So that some segments are filled. */
const PAD = "x".repeat(20_000);
const POSTS = 60;

function sidestream(site: Site, ...args: readonly string[]) {
  return command(["replay", ...args, "--data", site.data]);
}

/** What is in a file of the destination, by the topic in its name. */
function lines(site: Site, topic: string): string[] {
  const names = existsSync(site.events) ? readdirSync(site.events, { recursive: true, encoding: "utf8" }) : [];
  const files = names.filter((name) => name.includes(topic)).map((name) => join(site.events, name));
  return files
    .filter((path) => statSync(path).isFile())
    .toSorted()
    .flatMap((path) => readFileSync(path, "utf8").split("\n").filter(Boolean));
}

const indexes = (all: readonly string[]): number[] => all.map((line) => Number(/"index":(\d+)/.exec(line)?.[1]));

test("what was delivered is counted, and replayed into a topic of its own, in order and marked", { timeout: 120_000 }, async (t) => {
  const site = await makeSite(t, { destination: "spool: { bytesMax: 16MiB }, retain: { keep: 1d, bytesMax: 64MiB }" });
  const place = ["--config", site.configuration];
  let program = await start(t, place);
  const send = async (from: number, to: number): Promise<void> => {
    for (let index = from; index < to; index += 1) {
      const headers = { "x-okapi-tenant": index % 2 === 0 ? "diku" : "college" };
      equal((await post(`${program.address("front")}/things`, { index, pad: PAD }, headers))?.status, 201);
    }
  };
  await send(0, POSTS);
  statusWhen(site.data, ({ totals }) => totals.delivered === POSTS, 20);
  const archive = join(site.data, "archive", "out");
  ok(readdirSync(archive).length > 0, "segments that were delivered are archived");
  equal(statSync(archive).mode & 0o777, 0o700);
  for (const name of readdirSync(archive)) equal(statSync(join(archive, name)).mode & 0o777, 0o600);

  const checked = sidestream(site, "--check");
  equal(checked.status, 0, checked.stderr);
  match(checked.stdout, /^everything +diku +things +30 /m);
  match(checked.stdout, /^60 messages, /m);
  const asked = sidestream(site, "--tenant", "diku");
  equal(asked.status, 1);
  match(asked.stdout, /Nothing was replayed\. To do it, give the same command with --yes\./);
  equal(sidestream(site, "--stream", "others", "--yes").stdout.includes("Nothing that out had"), true);

  // A kill takes nothing of it.
  program.process.kill("SIGKILL");
  await program.ended;
  program = await start(t, place);
  const replayed = sidestream(site, "--tenant", "diku", "--into", "out:again", "--rate", "1000/s", "--yes");
  equal(replayed.status, 0, replayed.stderr);
  const id = /^Replay (replay-[0-9a-f]{12}) begins/m.exec(replayed.stdout)?.[1] ?? "";
  match(replayed.stdout, /^30 messages appended to the log of out\.$/m);
  await program.logged("replays messages of out into out:again");
  await send(POSTS, POSTS + 4);
  const report = statusWhen(site.data, ({ totals }) => totals.pending === 0 && totals.delivered >= 34, 20);
  deepEqual(report.breaches, []);
  deepEqual(
    indexes(lines(site, "again")),
    Array.from({ length: 30 }, (_, index) => index * 2),
  );
  const marked = lines(site, "again").filter((line) => line.includes(id));
  ok(marked.length === 0 || marked.length === 30);
  const health = (await program.logged("health checks and metrics")).address ?? "";
  const metrics = await (await fetch(`${health}/metrics`)).text();
  match(metrics, /stream="replay\/everything",tenant="diku"[^\n]* 30$/m);

  // What was replayed isn't replayed again.
  const again = sidestream(site, "--check", "--json");
  equal((JSON.parse(again.stdout) as { messages: number }).messages, POSTS + 4);
  const inspected = command(["spool", "inspect", "--data", site.data]);
  match(inspected.stdout, /^out: the archive holds [1-9]\d* files? with \d+ messages, /m);
  await stop(program);
  equal(command(["spool", "fsck", "--data", site.data]).status, 0);
  const stopped = sidestream(site, "--check");
  ok(stopped.status !== 0);
  match(stopped.stderr, /only the running program can replay/);
});
