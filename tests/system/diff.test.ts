/** `diff` and `explain --id` as an operator asks them: beside the running program, on the event log that it writes. */
import { equal, match, ok } from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { command, start, statusWhen, stop } from "./support/program.ts";
import { makeSite, post } from "./support/site.ts";

const OLD = "METHOD=POST AND PATH=/things , publish , out:things";
const NEW = "METHOD=POST AND PATH=/others , publish , out:things";
const LINE_BYTES = 20_000_000;

test("what other rules would change is asked beside the running program, and an event of the answer explained", async (t) => {
  const site = await makeSite(t, { rules: [OLD], more: "keepEvents: 1h\n" });
  const [old, other, wrong] = ["stream.yaml", "new.yaml", "wrong.yaml"].map((name) => join(site.folder, name)) as [string, string, string];
  writeFileSync(other, readFileSync(old, "utf8").replace(OLD, NEW));
  writeFileSync(wrong, readFileSync(old, "utf8").replace(OLD, "METHOD=POST AND , publish , out:things"));
  const program = await start(t, ["--config", site.configuration]);
  for (const [path, headers] of [
    ["/things", {}],
    ["/others", {}],
    ["/others", { "x-okapi-token": "geheim" }],
  ] as const)
    equal((await post(`${program.address("front")}${path}`, { path }, { "x-okapi-tenant": "diku", ...headers }))?.status, 201);
  statusWhen(site.data, ({ keptEvents }) => keptEvents?.written === 3, 20);

  const asked = command(["diff", site.configuration, other]);
  equal(asked.status, 1, asked.stderr);
  match(asked.stdout, /^3 events of the event log in /);
  match(asked.stdout, /\nThis would change\. Messages: 1 before, 2 after: 2 added, 1 gone, 0 changed, 0 as before\.\n/);
  const id = / {2}added {2}\S+ {2}diku {2}POST \/others {2}to out:things by rule 1, event (\S+)\n/.exec(asked.stdout)?.[1] ?? "";
  const explained = command(["explain", other, "--id", id, "--data", site.data]);
  equal(explained.status, 0, explained.stderr);
  match(explained.stderr, /^found in events\/\d{16}\.jsonl\n$/);
  match(explained.stdout, /\n {4}true {7}PATH=\/others {3}\(it is "\/others"\)\n/);

  equal(command(["diff", old, old, "--data", site.data]).status, 0);
  equal(command(["diff", old, old]).status, 2);
  equal(command(["diff", old, other, "--data", site.data, "--stream", "none"]).status, 2);
  const refused = command(["diff", old, wrong, "--data", site.data]);
  equal(refused.status, 78);
  match(refused.stderr, /wrong\.yaml:4:/);
  await stop(program);

  // Where no program runs, and of a file that was damaged.
  const folder = join(site.data, "events");
  const kept = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));
  const [file, whole] = [join(site.folder, "damaged.jsonl"), kept.join("")];
  const large = whole.slice(0, whole.indexOf("\n")).replace('"body":{"path":"/things"}', `"body":{"path":"${"x".repeat(LINE_BYTES)}"}`);
  ok(large.length > LINE_BYTES);
  writeFileSync(file, `${"x".repeat(LINE_BYTES)}\n${whole}${large}\n\u0000\u001b[31m\n${whole.slice(0, 100)}`);
  const damaged = command(["diff", old, other, "--events", file]);
  equal(damaged.status, 1, damaged.stderr);
  match(
    damaged.stdout,
    /^4 events of .+\n.+\n2 lines left out that can't be read, the first: it is not JSON\n100 B at the end of a file left out/,
  );
  match(damaged.stdout, /Messages: 2 before, 2 after: 2 added, 2 gone, /);
  equal(command(["diff", old, other, "--data", site.data]).status, 1);
});
