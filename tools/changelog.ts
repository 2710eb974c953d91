/**
 * Joins the fragments in changelog.d into CHANGELOG.md.
 *
 *   node tools/changelog.ts VERSION     writes the release and removes the fragments
 *   node tools/changelog.ts --check     says whether the fragments are in order
 */
import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** In the order in which a reader wants them. */
const KINDS = { breaking: "Breaking", security: "Security", feature: "New", fix: "Mended" } as const;
type Kind = keyof typeof KINDS;

const MARK = "<!-- releases -->";
const FRAGMENT = /^(?<slug>[a-z0-9-]+)\.(?<kind>[a-z]+)\.md$/u;

export interface Fragment {
  readonly file: string;
  readonly kind: Kind;
  readonly text: string;
}

/** Reads the fragments of a folder, by name. @throws Error that names every file that is not in order. */
export function readFragments(folder: string): readonly Fragment[] {
  const fragments: Fragment[] = [];
  const problems: string[] = [];
  for (const file of readdirSync(folder).toSorted()) {
    if (file === "README.md") continue;
    const kind = FRAGMENT.exec(file)?.groups?.["kind"];
    const text = readFileSync(join(folder, file), "utf8").trim();
    if (kind === undefined || !isKind(kind)) problems.push(`${file}: expected SLUG.KIND.md, KIND one of ${Object.keys(KINDS).join(", ")}`);
    else if (text === "") problems.push(`${file}: is empty`);
    else if (/^#/mu.test(text)) problems.push(`${file}: has a heading; write sentences`);
    else fragments.push({ file, kind, text });
  }
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return fragments;
}

/** The changelog with a release put before the others. */
export function withRelease(changelog: string, version: string, date: string, fragments: readonly Fragment[]): string {
  if (!/^\d+\.\d+\.\d+(-[0-9a-z.-]+)?$/u.test(version)) throw new Error(`not a version: ${version}`);
  if (!changelog.includes(MARK)) throw new Error(`CHANGELOG.md lost its line ${MARK}`);
  if (changelog.includes(`\n## ${version} `)) throw new Error(`CHANGELOG.md has ${version} already`);
  if (fragments.length === 0) throw new Error("there are no fragments: nothing to release");
  let release = `## ${version} (${date})\n`;
  for (const [kind, title] of Object.entries(KINDS)) {
    const ofKind = fragments.filter((fragment) => fragment.kind === kind);
    if (ofKind.length === 0) continue;
    const items = ofKind.map(({ text }) => `- ${text.replaceAll("\n", "\n  ")}`);
    release += `\n### ${title}\n\n${items.join("\n")}\n`;
  }
  // A function, so that a dollar sign in a fragment stays one.
  return changelog.replace(MARK, () => `${MARK}\n\n${release.trimEnd()}`);
}

function isKind(text: string): text is Kind {
  return text in KINDS;
}

function main(argument: string | undefined): void {
  const root = join(import.meta.dirname, "..");
  const folder = join(root, "changelog.d");
  const fragments = readFragments(folder);
  if (argument === "--check") {
    console.log(`${fragments.length} fragments, all in order`);
    return;
  }
  if (argument === undefined) throw new Error("expected a version, such as 0.1.0, or --check");
  const file = join(root, "CHANGELOG.md");
  const today = new Date().toISOString().slice(0, 10);
  writeFileSync(file, withRelease(readFileSync(file, "utf8"), argument, today, fragments));
  for (const fragment of fragments) rmSync(join(folder, fragment.file));
}

if (import.meta.main) {
  try {
    main(process.argv[2]);
  } catch (problem) {
    console.error(problem instanceof Error ? problem.message : problem);
    process.exitCode = 1;
  }
}
