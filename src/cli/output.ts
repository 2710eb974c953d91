/** Where commands write: data to standard output, talk to standard error. Tests put something else in its place. */
import { SidestreamError } from "../errors.ts";

export interface TextOutput {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
}

export interface Output extends TextOutput {
  /** A person watches standard error: progress may be shown there. */
  readonly isTerminal: boolean;
}

/** For a command that prints more than fits into memory. */
export interface LineOutput extends Output {
  /** Prints and settles once more is wanted: false when nobody reads any more. */
  readonly lines: (text: string) => Promise<boolean>;
}

export const processOutput: Output = {
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  isTerminal: process.stderr.isTTY,
};

/** Progress is for a person who doesn't see the lines: both would be written over each other. */
export function processLines(): LineOutput {
  const { stdout } = process;
  // Whoever writes is told; without this the process would end over it.
  stdout.on("error", () => undefined);
  const lines = (text: string): Promise<boolean> =>
    new Promise((done, fail) => {
      stdout.write(text, (cause: NodeJS.ErrnoException | null | undefined) => {
        if (cause === null || cause === undefined) done(true);
        else if (cause.code === "EPIPE") done(false);
        else fail(new SidestreamError("SST_SPOOL_IO", `could not write to standard output: ${cause.code ?? cause.message}`, { cause }));
      });
    });
  return { ...processOutput, isTerminal: process.stderr.isTTY && !stdout.isTTY, lines };
}

/** A table for people: columns as wide as their widest cell, numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => String(row[column] ?? "").length)));
  const line = (cells: readonly (string | number)[]) =>
    cells
      .map((cell, column) => (typeof cell === "number" ? String(cell).padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join("  ")
      .trimEnd();
  return [line(head), ...rows.map(line)].map((text) => `${text}\n`).join("");
}

/** `1 message`, `2 messages`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
