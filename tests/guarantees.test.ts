/** docs/guarantees.md is what the tests declare: its tables are up to date, and what they name is there. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { ERRORS } from "../src/errors.ts";
import { commandOf, declared, isCapture, nameInText, PAGE, pageOf, ROOT, withoutDeclarations, type Declared } from "../tools/guarantees.ts";
import { CAPTURES, DELIVERIES, FAILURES } from "./guarantees.ts";

const rows = declared();
const page = readFileSync(join(ROOT, PAGE), "utf8");

function textOf(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

function listed(of: readonly Declared[]): readonly string[] {
  return of.map(({ file, test }) => `${file}: ${test}`);
}

test("the page's tables are those that the tests declare; else: node tools/guarantees.ts", () => {
  ok(rows.length > 20);
  equal(page, pageOf(rows, page));
  for (const name of ["capture", "delivery", "tests"]) ok(page.includes(`<!-- table ${name} -->\n\n`), name);
});

test("each row names a test that is in its file", () => {
  deepEqual(listed(rows.filter(({ file, test }) => !nameInText(test).test(withoutDeclarations(textOf(file))))), []);
});

test("no declaration is passed over", () => {
  for (const file of new Set(rows.map((row) => row.file))) {
    const inFile = rows.filter((row) => row.file === file).length;
    equal(textOf(file).match(/^ {2,4}failure: "/gmu)?.length, inFile, file);
    match(textOf(file), /^import \{ guarantee \} from ".*\/guarantees\.ts";$/mu, file);
  }
});

test("each row says what is lost, what is doubled and what to do, in one line", () => {
  const cells = (row: Declared) => [row.lost, row.todo, ...(isCapture(row) ? [] : [row.doubled])];
  deepEqual(listed(rows.filter((row) => cells(row).some((text) => text.trim() === "" || /[|\n]/u.test(text)))), []);
});

test("failures, ways to capture and deliveries that are named are known ones, and each failure has a row", () => {
  const unknown = rows.filter((row) => {
    const values: readonly string[] = isCapture(row) ? row.capture : row.delivery;
    const known: readonly string[] = isCapture(row) ? CAPTURES : DELIVERIES;
    return !Object.hasOwn(FAILURES, row.failure) || values.length === 0 || !values.every((value) => known.includes(value));
  });
  deepEqual(listed(unknown), []);
  deepEqual(
    Object.keys(FAILURES).filter((failure) => !rows.some((row) => row.failure === failure)),
    [],
  );
});

test("commands and error codes that the page names are there", () => {
  const commands = textOf("docs/cli.md");
  for (const [, words = ""] of page.matchAll(/`sidestream ([a-z]+(?: (?:inspect|fsck|export|identity|adopt|purge|resolve)\b)?)/gu))
    ok(commands.includes(`sidestream ${words}`), words);
  for (const [code] of page.matchAll(/SST_[A-Z_]+/gu)) ok(Object.hasOwn(ERRORS, code), code);
});

test("a command of the page runs the one test that its row names", { timeout: 60_000 }, () => {
  const row = rows.find(({ file }) => file === "src/flow/spool/lock.test.ts");
  ok(row !== undefined);
  const PATH = [dirname(process.execPath), "/usr/bin", "/bin"].join(":");
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  const command = commandOf(row).replace("node ", "node --test-reporter=tap ");
  const { status, stdout } = spawnSync("sh", ["-c", command], { cwd: ROOT, encoding: "utf8", env: { ...environment, PATH } });
  equal(status, 0, stdout);
  match(stdout, /^# pass 1$/mu);
});
