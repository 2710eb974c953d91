/**
 * Shows that the lint rules bite: each planted fault is found, what is allowed passes, and this repository is clean.
 *
 * The plants live in a folder of their own with the repository's configuration; the repository is not touched.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";

const ROOT = join(import.meta.dirname, "..");
const OXLINT = join(ROOT, "node_modules/.bin/oxlint");

const folder = mkdtempSync(join(tmpdir(), "sidestream-lint-"));
after(() => rmSync(folder, { recursive: true }));

interface Diagnostic {
  readonly code: string;
  readonly filename: string;
}

/** A file, with the rule that must complain of it, or none. */
interface Plant {
  readonly file: string;
  readonly text: string;
  readonly rule: string | null;
}

function lint(inFolder: string): { readonly status: number | null; readonly diagnostics: readonly Diagnostic[] } {
  const { status, stdout } = spawnSync(process.execPath, [OXLINT, "--format=json"], {
    cwd: inFolder,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  return { status, diagnostics: (JSON.parse(stdout) as { diagnostics: Diagnostic[] }).diagnostics };
}

const importing = (specifier: string): string => `import type { Planted } from "${specifier}";\nexport type Kept = Planted;\n`;
const wrongImport = (file: string, specifier: string): Plant => ({
  file,
  text: importing(specifier),
  rule: "eslint(no-restricted-imports)",
});
const rightImport = (file: string, specifier: string): Plant => ({ file, text: importing(specifier), rule: null });

const DIRECTIONS: readonly Plant[] = [
  wrongImport("src/driver/plant-flow.ts", "../flow/planted.ts"),
  wrongImport("src/driver/plant-config.ts", "../config/planted.ts"),
  wrongImport("src/driver/plant-cli.ts", "../cli/planted.ts"),
  wrongImport("src/driver/plant-admin.ts", "../admin/planted.ts"),
  wrongImport("src/driver/plant-observe.ts", "../observe/planted.ts"),
  rightImport("src/driver/plant-errors.ts", "../planted.ts"),
  wrongImport("src/sources/plant/plant-flow.ts", "../../flow/planted.ts"),
  wrongImport("src/sources/plant/plant-observe.ts", "../../observe/planted.ts"),
  wrongImport("src/sources/plant/plant-other.ts", "../gateway/planted.ts"),
  wrongImport("src/sources/plant/plant-destination.ts", "../../destinations/file/planted.ts"),
  rightImport("src/sources/plant/plant-driver.ts", "../../driver/planted.ts"),
  rightImport("src/sources/plant/plant-beside.ts", "./planted.ts"),
  wrongImport("src/destinations/plant/plant-flow.ts", "../../flow/planted.ts"),
  wrongImport("src/destinations/plant/plant-config.ts", "../../config/planted.ts"),
  wrongImport("src/destinations/plant/plant-other.ts", "../file/planted.ts"),
  rightImport("src/destinations/plant/plant-driver.ts", "../../driver/planted.ts"),
  wrongImport("src/flow/capture/plant.ts", "../identify/planted.ts"),
  wrongImport("src/flow/identify/plant.ts", "../content/planted.ts"),
  wrongImport("src/flow/content/plant.ts", "../match/planted.ts"),
  wrongImport("src/flow/match/plant.ts", "../message/planted.ts"),
  wrongImport("src/flow/message/plant.ts", "../spool/planted.ts"),
  wrongImport("src/flow/spool/plant.ts", "../transmit/planted.ts"),
  wrongImport("src/flow/spool/plant-events.ts", "../event-log/planted.ts"),
  wrongImport("src/flow/event-log/plant.ts", "../transmit/planted.ts"),
  rightImport("src/flow/event-log/plant-earlier.ts", "../spool/planted.ts"),
  wrongImport("src/flow/transmit/plant.ts", "../flow.ts"),
  wrongImport("src/flow/transmit/plant-observe.ts", "../../observe/planted.ts"),
  wrongImport("src/flow/match/plant-config.ts", "../../config/planted.ts"),
  rightImport("src/flow/transmit/plant-earlier.ts", "../spool/planted.ts"),
  rightImport("src/flow/capture/plant-driver.ts", "../../driver/planted.ts"),
  wrongImport("src/flow/plant-cli.ts", "../cli/planted.ts"),
  wrongImport("src/flow/plant-source.ts", "../sources/gateway/planted.ts"),
  rightImport("src/flow/plant-stage.ts", "./transmit/planted.ts"),
  rightImport("src/flow/plant-observe.ts", "../observe/planted.ts"),
  wrongImport("src/observe/plant.ts", "../flow/planted.ts"),
  wrongImport("src/config/plant-cli.ts", "../cli/planted.ts"),
  wrongImport("src/config/plant-source.ts", "../sources/gateway/planted.ts"),
  rightImport("src/config/plant-flow.ts", "../flow/planted.ts"),
  wrongImport("src/admin/plant.ts", "../cli/planted.ts"),
  rightImport("src/cli/plant.ts", "../admin/planted.ts"),
  wrongImport("src/index.ts", "./cli/planted.ts"),
  wrongImport("src/errors.ts", "./planted.ts"),
];

const FAULTS: readonly Plant[] = [
  {
    file: "src/faults/floating.ts",
    text: "export function begin(): void {\n  Promise.resolve(1);\n}\n",
    rule: "typescript(no-floating-promises)",
  },
  {
    file: "src/faults/misused.ts",
    text: "export function begin(list: readonly number[]): void {\n  list.forEach(async (each) => {\n    await Promise.resolve(each);\n  });\n}\n",
    rule: "typescript(no-misused-promises)",
  },
  {
    file: "src/faults/exhaustive.ts",
    text: 'export function name(way: "in" | "out"): string {\n  switch (way) {\n    case "in":\n      return "inward";\n  }\n  return "";\n}\n',
    rule: "typescript(switch-exhaustiveness-check)",
  },
  { file: "src/faults/any.ts", text: "export const planted: any = 1;\n", rule: "typescript(no-explicit-any)" },
  { file: "src/faults/default.ts", text: "export default 1;\n", rule: "import(no-default-export)" },
  { file: "src/faults/equal.ts", text: "export const same = (a: number, b: number): boolean => a == b;\n", rule: "eslint(eqeqeq)" },
  { file: "src/faults/console.ts", text: 'export const tell = (): void => console.log("planted");\n', rule: "eslint(no-console)" },
  { file: "src/faults/environment.ts", text: 'export const home = process.env["HOME"];\n', rule: "node(no-process-env)" },
  { file: "src/cli/environment.ts", text: 'export const home = process.env["HOME"];\n', rule: null },
  { file: "src/faults/long.ts", text: `export const long = 1;\n${"// A line.\n".repeat(300)}`, rule: "eslint(max-lines)" },
  { file: "src/faults/long.test.ts", text: `export const long = 1;\n${"// A line.\n".repeat(300)}`, rule: null },
  {
    file: "src/faults/long-function.ts",
    text: `export function sum(): number {\n  let total = 0;\n${"  total += 1;\n".repeat(70)}  return total;\n}\n`,
    rule: "eslint(max-lines-per-function)",
  },
  {
    file: "src/faults/circle.ts",
    text: 'import { second } from "./circle-back.ts";\nexport const first = (): unknown => second;\n',
    rule: "import(no-cycle)",
  },
  {
    file: "src/faults/circle-back.ts",
    text: 'import { first } from "./circle.ts";\nexport const second = (): unknown => first;\n',
    rule: "import(no-cycle)",
  },
  {
    file: "src/faults/node-test.test.ts",
    text: 'import { test } from "node:test";\ntest("a test is not awaited", () => undefined);\n',
    rule: null,
  },
];

test("every planted fault is found by its rule, and what is allowed passes", () => {
  for (const name of [".oxlintrc.json", "tsconfig.json", "package.json"]) copyFileSync(join(ROOT, name), join(folder, name));
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  const plants = [...DIRECTIONS, ...FAULTS];
  for (const { file, text } of plants) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }

  const { status, diagnostics } = lint(folder);
  equal(status, 1);
  const wrong: string[] = [];
  for (const { file, rule } of plants) {
    const found = [...new Set(diagnostics.filter((each) => each.filename === file).map((each) => each.code))];
    if (rule === null && found.length > 0) wrong.push(`${file}: nothing to complain of, but found ${found.join(", ")}`);
    if (rule !== null && !found.includes(rule)) wrong.push(`${file}: ${rule} did not find it; found ${found.join(", ") || "nothing"}`);
  }
  deepEqual(wrong, []);
});

test("this repository passes its own lint", () => {
  const { status, diagnostics } = lint(ROOT);
  deepEqual(
    diagnostics.map(({ filename, code }) => `${filename}: ${code}`),
    [],
  );
  ok(status === 0);
});
