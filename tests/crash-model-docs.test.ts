/** docs/crash-model.md says what is there: its names exist, and its commands run as written, but not as long. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { test } from "node:test";
import { ERRORS } from "../src/errors.ts";
import { FAMILIES } from "../src/flow/spool/testing/crash/families.ts";
import { PLANTED_BUGS } from "../src/flow/spool/testing/crash/planted-bugs.ts";

const ROOT = join(import.meta.dirname, "..");
const page = readFileSync(join(ROOT, "docs/crash-model.md"), "utf8");
const format = readFileSync(join(ROOT, "docs/spool-format.md"), "utf8");
const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { readonly scripts: Record<string, string> };

/** Points after which a search ends here: a search that is to find something must come to it before. */
const POINTS = 400;

/** The first column of the table with this heading, where it is in backticks. */
function names(heading: string): string[] {
  const from = page.indexOf(`| ${heading} |`);
  ok(from > 0, `there is a table with ${heading}`);
  const table = page.slice(from).split("\n\n")[0] ?? "";
  return [...table.matchAll(/^\| `([a-z-]+)` \|/gmu)].map((row) => row[1] ?? "");
}

function blocks(language: string): string[][] {
  const found = [...page.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, "gmu"))];
  return found.map((block) => (block[1] ?? "").trimEnd().split("\n"));
}

/** A command of the page as a shell of the repository runs it, with this very Node. */
function run(line: string, more = ""): { readonly status: number | null; readonly text: string } {
  const npm = /^npm run ([a-z]+) -- (.*)$/u.exec(line);
  const command = npm === null ? line : `${scripts[npm[1] ?? ""] ?? "false"} ${npm[2] ?? ""}`;
  const PATH = [dirname(process.execPath), "/usr/bin", "/bin"].join(delimiter);
  const { status, stdout, stderr } = spawnSync("sh", ["-c", `${command} ${more}`], { cwd: ROOT, encoding: "utf8", env: { PATH } });
  return { status, text: stdout + stderr };
}

test("the families, the planted bugs and the error codes of the page are those of the code", () => {
  const families = FAMILIES.map(({ name }) => name);
  deepEqual(names("family | what is done"), families);
  deepEqual(names("family | histories"), families);
  deepEqual(
    names("bug | what the program does then"),
    PLANTED_BUGS.map(({ name }) => name),
  );
  const codes = new Set([...page.matchAll(/SST_[A-Z_]+/gu)].map(([code]) => code));
  deepEqual(
    [...codes].filter((code) => !(code in ERRORS)),
    [],
  );
});

test("every invariant of the format stands behind a promise, and no other is named", () => {
  const known = [...format.matchAll(/^- \*\*(I\d+)\.\*\*/gmu)].map((each) => each[1] ?? "");
  const promised = page.slice(page.indexOf("## What is promised"), page.indexOf("## What is assumed"));
  const rows = promised.split("\n").filter((line) => line.startsWith("| "));
  deepEqual(new Set(rows.flatMap((row) => [...row.matchAll(/\bI\d+\b/gu)].map(([name]) => name))), new Set(known));
});

test("every finding that a failure is told by has its row in the format's section 9", () => {
  const failures = page.slice(page.indexOf("## What each failure costs"), page.indexOf("## How it was tested"));
  const told = failures.split("\n").flatMap((row) => [...(row.split(" | ")[3] ?? "").matchAll(/`([a-z]+(?:-[a-z]+)*)`/gu)]);
  const kinds = new Set(told.map((kind) => kind[1] ?? "").filter((kind) => !["paused", "damaged", "cursor-lost"].includes(kind)));
  ok(kinds.size > 8);
  deepEqual(
    [...kinds].filter((kind) => !format.includes(`\n| \`${kind}\` | `)),
    [],
  );
});

test("every file that the page names is there", () => {
  const files = [...page.matchAll(/(?:src|tests)\/[a-z./-]+\.(?:ts|py)/gu)].map(([file]) => file);
  ok(files.length > 10);
  deepEqual(
    files.filter((file) => !existsSync(join(ROOT, file))),
    [],
  );
});

test("every search of the page runs as written, and finds nothing", { timeout: 120_000 }, () => {
  const searches = blocks("sh").flatMap((lines) => lines.filter((line) => line.startsWith("npm run crash")));
  equal(searches.length, 2);
  for (const line of searches) {
    const { status, text } = run(line, `--points ${POINTS} --threads 1`);
    equal(status, 0, text);
    ok(text.includes(", 0 violations"), text);
  }
});

test("the page's example finds the planted bug, and nothing at its place without it", { timeout: 120_000 }, () => {
  const [lines = []] = blocks("console");
  for (const [index, line] of lines.entries()) {
    if (!line.startsWith("$ ")) continue;
    const { text } = run(line.slice(2));
    ok(text.includes(lines[index + 1] ?? "-"), text);
  }
  equal(lines.filter((line) => line.startsWith("$ ")).length, 2);
});
