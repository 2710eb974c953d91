/** Tests of the crash tests: each of these bugs is found, in the way that it would be found in the program itself. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { randomInt } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { FAMILIES } from "./testing/crash/families.ts";
import { placeOf } from "./testing/crash/place.ts";
import { PLANTED_BUGS } from "./testing/crash/planted-bugs.ts";

const FOLDER = join(import.meta.dirname, "testing/crash");
/** Each is found within a few hundred; this many say that it isn't. */
const POINTS_MAX = 20_000;

interface Ended {
  readonly status: number | null;
  readonly told: string;
  readonly result: { readonly crashPoints: number; readonly violations: readonly { readonly at: string; readonly text: string }[] };
}

/** Runs the search as `npm run crash` does, in a process of its own, with a bug in it or none. */
async function search(bug: string | null, parameters: readonly string[]): Promise<Ended> {
  const planting = bug === null ? [] : ["--import", `${pathToFileURL(join(FOLDER, "plant.ts")).href}?${bug}`];
  const child = spawn(process.execPath, [...planting, join(FOLDER, "main.ts"), ...parameters], { stdio: ["ignore", "pipe", "pipe"] });
  const parts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) child[name].setEncoding("utf8").on("data", (text: string) => (parts[name] += text));
  const [status] = (await once(child, "close")) as [number | null];
  const isJson = parts.stdout.startsWith("{");
  return {
    status,
    told: parts.stderr + (isJson ? "" : parts.stdout),
    result: isJson ? (JSON.parse(parts.stdout) as Ended["result"]) : { crashPoints: 0, violations: [] },
  };
}

function parametersFor(families: readonly string[], seed: number, points: number): string[] {
  const bounds = ["--points", String(points), "--minutes", "3", "--violations", "1"];
  return ["--seed", String(seed), "--threads", "0", "--families", families.join(), ...bounds, "--json"];
}

for (const { name, what, families } of PLANTED_BUGS) {
  test(`a program in which ${what} is found out (${name})`, async (t) => {
    const seed = randomInt(1, 1_000_000);
    t.diagnostic(`seed ${seed}`);
    const { status, told, result } = await search(name, parametersFor(families, seed, POINTS_MAX));
    equal(status, 1, told);
    const [violation] = result.violations;
    ok(violation !== undefined, told);
    t.diagnostic(`${violation.text}, at ${violation.at}`);
    const place = placeOf(violation.at);
    ok(place !== null && families.includes(place.family), violation.at);
    // The same again, at that place alone.
    const again = await search(name, ["--at", violation.at]);
    equal(again.status, 1, again.told);
    match(again.told, /^violation: /mu);
  });
}

test("the same search in the program as it is finds nothing", async (t) => {
  const seed = randomInt(1, 1_000_000);
  t.diagnostic(`seed ${seed}`);
  const families = FAMILIES.map(({ name }) => name);
  const { status, told, result } = await search(null, parametersFor(families, seed, POINTS_MAX));
  equal(status, 0, told);
  deepEqual(result.violations, []);
  ok(result.crashPoints > POINTS_MAX / 2, `${result.crashPoints} crash points`);
});

test("every planted bug is another one", () => {
  equal(new Set(PLANTED_BUGS.map(({ name }) => name)).size, 13);
  equal(new Set(PLANTED_BUGS.map(({ changes }) => JSON.stringify(changes))).size, 13);
});
