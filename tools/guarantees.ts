/**
 * Writes the tables of docs/guarantees.md from the rows that test files declare.
 *
 * Promise: the same tests give the same bytes, and no test runs for it. `node tools/guarantees.ts` writes; with `--check` it
 * only says whether the page is up to date.
 */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { runInNewContext } from "node:vm";
import { replaceTables } from "../src/config/generated-files.ts";
import { CAPTURES, DELIVERIES, FAILURES, type CaptureRow, type DeliveryRow, type Failure, type Guarantee } from "../tests/guarantees.ts";

export type Declared = Guarantee & {
  /** Relative to the root. */
  readonly file: string;
};

export const ROOT = join(import.meta.dirname, "..");
export const PAGE = "docs/guarantees.md";

/** A call at the begin of a line, up to its end at the begin of a line, as the formatter leaves it. */
const CALL = /^guarantee\(([^]*?^\}?)\);$/gmu;
/** Stands for a part of a test's name that is filled in when it runs. */
const GAP = "…";

/** Every row of every test file, in the order of the files. */
export function declared(root: string = ROOT): readonly Declared[] {
  const files = globSync("{src,tests,tools}/**/*.test.ts", { cwd: root }).toSorted();
  return files.flatMap((file) =>
    [...readFileSync(join(root, file), "utf8").matchAll(CALL)].flatMap(([, text = ""]) =>
      (runInNewContext(`[${text}]`) as Guarantee[]).map((row) => ({ ...row, file: relative(root, join(root, file)) })),
    ),
  );
}

/** A file's text without its declarations: a name must be found in what is left. */
export function withoutDeclarations(text: string): string {
  return text.replaceAll(CALL, "");
}

/** What finds the test's name in the text of its file. */
export function nameInText(test: string): RegExp {
  const parts = test.split(GAP).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/gu, String.raw`\$&`));
  return new RegExp(`["\`]${parts.join(".+")}["\`]`, "u");
}

/** Runs the row's test alone. A dot stands for each character that a shell or a regular expression would take for its own. */
export function commandOf({ test, file }: Pick<Declared, "test" | "file">): string {
  const pattern = test.replaceAll(GAP, ".*").replaceAll(/[^A-Za-z0-9 ,:*-]/gu, ".");
  return `node --test --test-name-pattern '^${pattern}$' ${file}`;
}

export function isCapture(row: Guarantee): row is CaptureRow {
  return "capture" in row;
}

/** The page with its tables made anew. */
export function pageOf(rows: readonly Declared[], page: string): string {
  const order = Object.keys(FAILURES);
  const sorted = rows.toSorted((left, right) => order.indexOf(left.failure) - order.indexOf(right.failure));
  const proofs = [...new Set(sorted.map(commandOf))];
  const proof = (row: Declared): string => `[${proofs.indexOf(commandOf(row)) + 1}](#the-tests)`;
  const text = (failure: Failure): string => FAILURES[failure];
  const captures = CAPTURES.flatMap((capture) =>
    sorted.flatMap((row) =>
      isCapture(row) && row.capture.includes(capture) ? [["`" + capture + "`", text(row.failure), row.lost, row.todo, proof(row)]] : [],
    ),
  );
  const deliveries = DELIVERIES.flatMap((delivery) =>
    sorted.flatMap((row) =>
      !isCapture(row) && row.delivery.includes(delivery)
        ? [["`" + delivery + "`", whatFails(row, text(row.failure)), row.lost, row.doubled, row.todo, proof(row)]]
        : [],
    ),
  );
  return replaceTables(page, {
    capture: table(["capture", "failure", "lost", "what to do", "test"], captures),
    delivery: table(["delivery", "failure", "lost", "twice", "what to do", "test"], deliveries),
    tests: proofs.map((command, index) => `${index + 1}. \`${command}\``).join("\n"),
  });
}

function whatFails({ to }: DeliveryRow, failure: string): string {
  return to === undefined ? failure : `${failure}; ${to}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function main(isCheck: boolean): void {
  const path = join(ROOT, PAGE);
  const before = readFileSync(path, "utf8");
  const after = pageOf(declared(), before);
  if (!isCheck) writeFileSync(path, after);
  else if (after !== before) {
    process.stderr.write(`${PAGE} is not what the tests declare: node tools/guarantees.ts\n`);
    process.exitCode = 1;
  }
}

if (import.meta.main) main(process.argv.includes("--check"));
