/**
 * Reads the repository itself: names, sizes, and documents that must say what the code says.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, sep } from "node:path";
import { test } from "node:test";
import { ERRORS } from "../src/errors.ts";
import { architectureProblems } from "./architecture.ts";
import { relativeLinks, titles } from "./markdown.ts";

const ROOT = join(import.meta.dirname, "..");
const LINES_MAX = 300;
const VAGUE_NAMES = ["utils", "util", "helpers", "helper", "common", "misc"];
/** Those of an editor, a build or a run; git doesn't know them either. */
const NOT_OURS = new Set([".git", "node_modules", "dist", "coverage", ".tools", ".brokers", ".peers", "sidestream-data"]);

/** Files of the repository: those that git knows or would know; without git, those in the folder. */
function repositoryFiles(): readonly string[] {
  const files = existsSync(join(ROOT, ".git"))
    ? execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
        cwd: ROOT,
        encoding: "utf8",
        maxBuffer: 64 * 1024 * 1024,
      }).split("\n")
    : readdirSync(ROOT, { recursive: true, encoding: "utf8" }).filter((file) => !file.split(sep).some((part) => NOT_OURS.has(part)));
  return files.filter((file) => file !== "" && existsSync(join(ROOT, file)) && statSync(join(ROOT, file)).isFile()).toSorted();
}

const files = repositoryFiles();
const markdown = files.filter((file) => file.endsWith(".md"));
const text = (file: string): string => readFileSync(join(ROOT, file), "utf8");

/** Both ways: what the document lacks and what only the document has. */
function mismatch(
  inCode: Iterable<string>,
  inDocument: Iterable<string>,
): { readonly lacksEntryInDocument: string[]; readonly onlyInDocument: string[] } {
  const code = new Set(inCode);
  const document = new Set(inDocument);
  return { lacksEntryInDocument: [...code.difference(document)].toSorted(), onlyInDocument: [...document.difference(code)].toSorted() };
}

const ALIKE = { lacksEntryInDocument: [], onlyInDocument: [] };

test("no folder or file has a name that says nothing", () => {
  const vague = files.filter((file) => file.split("/").some((part) => VAGUE_NAMES.includes(part.replace(/\..*$/u, "").toLowerCase())));
  deepEqual(vague, []);
});

test("source files are named in kebab-case", () => {
  const sources = files.filter((file) => /^(src|tests|bench|tools)\/.*\.ts$/u.test(file));
  deepEqual(
    sources.filter(
      (file) => !file.split("/").every((part) => /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|test-worker|property|crash|d))*(\.ts)?$/u.test(part)),
    ),
    [],
  );
});

test("no source file but a test is longer than 300 lines", () => {
  const sources = files.filter((file) => /^(src|tests|bench|tools|bin)\/.*\.(ts|js)$/u.test(file) && !file.endsWith(".test.ts"));
  const long = sources.map((file) => ({ file, lines: text(file).trimEnd().split("\n").length })).filter(({ lines }) => lines > LINES_MAX);
  deepEqual(long, []);
});

test("every module opens with a comment of what it is for", () => {
  const sources = files.filter((file) => /^src\/.*\.ts$/u.test(file) && !file.endsWith(".test.ts"));
  deepEqual(
    // An example for readers of the docs is its page's text.
    sources.filter((file) => !/^(#!.*\n)?\/\*\*/u.test(text(file)) && !basename(file).startsWith("example-")),
    [],
  );
});

test("every error code has its entry in docs/errors.md, and no entry is without its code", () => {
  const entries = [...text("docs/errors.md").matchAll(/^## (SST_[A-Z_]+)$/gmu)].map((entry) => entry[1] ?? "");
  deepEqual(mismatch(Object.keys(ERRORS), entries), ALIKE, "docs/errors.md and the table ERRORS of src/errors.ts differ");
  equal(new Set(entries).size, entries.length, "an error code is described twice");
});

test("every entry of docs/errors.md says what happened, what it means, what to do", () => {
  const entries = text("docs/errors.md").split(/^## /mu).slice(1);
  const parts = ["**What happened.**", "**What it means.**", "**What to do.**"];
  deepEqual(
    entries
      .filter((entry) => entry.startsWith("SST_") && !parts.every((part) => entry.includes(part)))
      .map((entry) => entry.split("\n")[0]),
    [],
  );
});

test("docs/errors.md tells each code's exit status and whether it is tried again", () => {
  const told = new Map(
    [...text("docs/errors.md").matchAll(/^## (SST_[A-Z_]+)\n\nTried again: (\w+) · exit status: (\d+)$/gmu)].map((entry) => [
      entry[1],
      `${entry[2]} ${entry[3]}`,
    ]),
  );
  deepEqual(
    Object.entries(ERRORS)
      .filter(([code, { retry, exit }]) => told.get(code) !== `${retry} ${exit}`)
      .map(([code, { retry, exit }]) => `${code}: expected "Tried again: ${retry} · exit status: ${exit}"`),
    [],
  );
});

test("every page that an error's hint names exists", () => {
  const named = Object.values(ERRORS).flatMap(({ hint }) => [...hint.matchAll(/docs\/[a-z-]+\.md/gu)].map((page) => page[0]));
  deepEqual(
    [...new Set(named)].filter((page) => !existsSync(join(ROOT, page))),
    [],
  );
});

test("every metric has its row in docs/metrics.md, and no row is without its metric", () => {
  const observe = files.filter(
    (file) => (file.startsWith("src/observe/") || file.startsWith("src/sources/")) && file.endsWith(".ts") && !/test(ing)?[./]/.test(file),
  );
  const names = observe.flatMap((file) => [...text(file).matchAll(/["'`](sidestream_[a-z_]+)["'`{]/gu)].map((name) => name[1] ?? ""));
  const rows = [...text("docs/metrics.md").matchAll(/^\| `(sidestream_[a-z_]+)` /gmu)].map((row) => row[1] ?? "");
  ok(names.length > 0);
  deepEqual(mismatch(names, rows), ALIKE, "docs/metrics.md and the names in src/observe and src/sources differ");
});

test("every Markdown file has one first-level heading", () => {
  // Fragments become items of a list; they have none.
  const pages = markdown.filter((file) => !/^changelog\.d\/[^/]+\.[a-z]+\.md$/u.test(file));
  deepEqual(
    pages.map((file) => ({ file, titles: titles(text(file)).length })).filter((each) => each.titles !== 1),
    [],
  );
});

test("every relative link in Markdown leads to a file or folder", () => {
  const broken = markdown.flatMap((file) =>
    relativeLinks(text(file))
      .filter((target) => !existsSync(join(ROOT, dirname(file), decodeURIComponent(target))))
      .map((target) => `${file}: ${target}`),
  );
  deepEqual(broken, []);
});

test("every page in docs/ can be reached from docs/index.md", () => {
  const linked = new Set(relativeLinks(text("docs/index.md")));
  const pages = markdown.filter((file) => file.startsWith("docs/") && file !== "docs/index.md").map((file) => file.slice("docs/".length));
  deepEqual(
    pages.filter((page) => !linked.has(page)),
    [],
  );
});

test("every step in ARCHITECTURE.md leads to a folder that exists", () => {
  deepEqual(architectureProblems(text("ARCHITECTURE.md"), ROOT), []);
});

test("a step in ARCHITECTURE.md that leads nowhere is found", () => {
  const root = mkdtempSync(join(tmpdir(), "sidestream-architecture-"));
  mkdirSync(join(root, "src/flow/capture"), { recursive: true });
  mkdirSync(join(root, "src/flow/spool"), { recursive: true });
  const page = (steps: string): string => `# Architecture\n\n## The way of an event\n\n${steps}\n\n## Next\n\n1. **not a step**\n`;
  const right = "1. **capture** hands in: [here](src/flow/capture)\n2. **spool** keeps: [here](src/flow/spool/)";
  deepEqual(architectureProblems(page(right), root), []);
  deepEqual(architectureProblems(page(right.replace("src/flow/spool/", "src/flow/spoool/")), root), [
    'step "spool" links to src/flow/spoool, which is no folder',
    "no step links to src/flow/spool",
  ]);
  deepEqual(architectureProblems(page("1. **capture** links nowhere"), root).includes('step "capture" links to no folder of src'), true);
  deepEqual(architectureProblems("# Architecture\n", root), ['there is no section "## The way of an event"']);
  rmSync(root, { recursive: true });
});

test("no file names a place that only one machine has, or leaves work marked as undone", () => {
  // Put together here, so that this file doesn't hold what it looks for.
  const banned = [`${sep}work${sep}`, `${sep}root${sep}`, ["TO", "DO"].join(""), ["FIX", "ME"].join(""), ["X", "XX"].join("")];
  const patterns = banned.map((word) => new RegExp(`(?<![A-Za-z0-9_.*-])${word}(?![A-Za-z0-9])`, "u"));
  patterns[0] = new RegExp(`(?<![A-Za-z0-9_.*-])${banned[0]}`, "u");
  patterns[1] = new RegExp(`(?<![A-Za-z0-9_.*-])${banned[1]}`, "u");
  const found = files
    .filter((file) => !isBinary(file))
    .flatMap((file) =>
      text(file)
        .split("\n")
        .flatMap((line, index) =>
          patterns.some((pattern) => pattern.test(line)) ? [`${file}:${index + 1}: ${line.trim().slice(0, 120)}`] : [],
        ),
    );
  deepEqual(found, []);
});

const locks = files.filter((file) => basename(file) === "package-lock.json");

test("no lock file names a registry", () => {
  ok(locks.length > 0);
  deepEqual(
    locks.flatMap((lock) =>
      text(lock)
        .split("\n")
        .filter((line) => line.includes('"resolved"') || /https?:\/\/[^"]*\.tgz/u.test(line)),
    ),
    [],
  );
});

test("a lock file has every package of every platform, without which npm ci refuses it", () => {
  for (const lock of locks) {
    const { packages } = JSON.parse(text(lock)) as { packages: Record<string, { optionalDependencies?: Record<string, string> }> };
    const places = Object.keys(packages);
    const wanted = Object.values(packages).flatMap(({ optionalDependencies }) => Object.keys(optionalDependencies ?? {}));
    deepEqual(
      wanted.filter((name) => !places.some((place) => place.endsWith(`node_modules/${name}`))),
      [],
      lock,
    );
  }
});

test("every script that others start is executable", () => {
  const scripts = files.filter((file) => file.endsWith(".sh") || file === ".ci/run" || file === "bin/sidestream");
  deepEqual(
    scripts.filter((file) => (statSync(join(ROOT, file)).mode & 0o111) === 0),
    [],
  );
});

function isBinary(file: string): boolean {
  return readFileSync(join(ROOT, file)).subarray(0, 8000).includes(0);
}
