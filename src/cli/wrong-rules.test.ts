/** Very many wrong rules: all are found, and what is told of them is bounded. */
import { equal, ok } from "node:assert/strict";
import { join } from "node:path";
import { before, test } from "node:test";
import { FINDINGS_MAX } from "../config/finding.ts";
import { configFolder, findingsOf } from "../config/testing/config-folder.ts";
import { registerFakeDrivers } from "../config/testing/fake-drivers.ts";
import { validateFiles } from "./validate.ts";

before(() => registerFakeDrivers());

const CONFIGURATION = "version: 1\nenabled: true\nstreams: [streams/*.yaml]\n";

function descriptors(count: number, rules: string): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, at) => [`streams/s${at}.yaml`, `stream: s${at}\ntenants: all\nrules:\n${rules}`]),
  );
}

test("of 100,000 wrong rules each is found, the first thousand are told, and how many more there are", async (context) => {
  const wrong = "  - MODULNAME=x , ignore\n".repeat(1_000);
  const folder = configFolder(context, { "sidestream.yaml": CONFIGURATION, ...descriptors(100, wrong) });
  const validation = await validateFiles([join(folder, "sidestream.yaml")], {});
  equal(validation.findings.errorCount, 100_000);
  const lines: string[] = [];
  validation.print({ stdout: (text) => lines.push(...text.trimEnd().split("\n")), stderr: (text) => lines.push(text.trimEnd()) });
  equal(lines.filter((line) => line.includes("did you mean MODULENAME?")).length, FINDINGS_MAX);
  ok(lines.length < 5 * FINDINGS_MAX, String(lines.length));
  equal(lines.at(-2), "and 99000 more errors");
  equal(lines.at(-1), "1 file checked: 100000 errors, 0 warnings and 0 dormant");
  const report = validation.report() as { findings: readonly object[]; errorCount: number };
  equal(report.findings.length, FINDINGS_MAX);
  equal(report.errorCount, 100_000);
});

test("of very many warnings the first thousand are told, and how many more there are", async (context) => {
  const dubious = `  - x-a=("b*", "c*") , publish , k:t\n`.repeat(600);
  const folder = configFolder(context, { "sidestream.yaml": CONFIGURATION, ...descriptors(1, dubious) });
  const validation = await validateFiles([join(folder, "streams/s0.yaml")], {});
  const lines: string[] = [];
  validation.print({ stdout: (text) => lines.push(...text.trimEnd().split("\n")), stderr: (text) => lines.push(text.trimEnd()) });
  equal(validation.findings.warningCount, 1_200);
  equal(lines.filter((line) => line.includes("the star is part of the value")).length, FINDINGS_MAX);
  ok(lines.includes("and 200 more warnings"));
  equal(lines.at(-1), "1 file checked: 0 errors, 1200 warnings and 0 dormant");
});

test("a wrong rule as long as rules may be is told in a few short lines", async (context) => {
  const long = `  - MODULNAME=${"x".repeat(60_000)} , ignore\n  - ${"(".repeat(60_000)}\n  - ${"x".repeat(70_000)}\n`;
  const folder = configFolder(context, { "sidestream.yaml": CONFIGURATION, ...descriptors(1, long) });
  const findings = await findingsOf(folder);
  equal(findings.length, 3);
  for (const { problem, excerpt = "", hint = "" } of findings) ok(problem.length + excerpt.length + hint.length < 700, problem);
});

test("a descriptor with more rules than it may have says so", async (context) => {
  const folder = configFolder(context, { "sidestream.yaml": CONFIGURATION, ...descriptors(1, "  - x-a , ignore\n".repeat(1_001)) });
  ok((await findingsOf(folder)).some(({ problem }) => problem.includes("1000")));
});
