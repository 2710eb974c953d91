/**
 * Where commands write: data to standard output, talk to standard error. Tests put something else in its place.
 *
 * Promise: a reader that goes ends a command quietly, with the status of a program that the system ends over it; output
 * that can't be written otherwise is told in one line, and the status says so.
 */
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
  /** Prints and settles once more is wanted: false when no more can be printed. */
  readonly lines: (text: string) => Promise<boolean>;
}

export const processOutput: Output = {
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  isTerminal: process.stderr.isTTY,
};

/** As a shell shows a program that SIGPIPE ended. */
const EXIT_NO_READER = 141;
const EXIT_NOT_WRITTEN = 74;

/** Looks after the process's own output, for as long as it lives. To be called once, before anything is written. */
export function watchOutput(): void {
  let status: number | null = null;
  process.stdout.on("error", ({ code, message }: NodeJS.ErrnoException) => {
    if (status !== null) return;
    status = code === "EPIPE" ? EXIT_NO_READER : EXIT_NOT_WRITTEN;
    if (status === EXIT_NOT_WRITTEN)
      processOutput.stderr(`could not write to standard output, what is there is not whole: ${code ?? message}\n`);
  });
  // Nobody is left to be told.
  process.stderr.on("error", () => undefined);
  // Last, since a command that is through says how it went.
  process.on("exit", () => {
    if (status !== null) process.exitCode = status;
  });
}

/** Progress is for a person who doesn't see the lines: both would be written over each other. */
export function processLines(): LineOutput {
  const { stdout } = process;
  // Why it failed is told by whoever looks after the output.
  const lines = (text: string): Promise<boolean> =>
    new Promise((done) => {
      stdout.write(text, (cause) => done(cause === null || cause === undefined));
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

/** Text that somebody else wrote: a terminal does what control characters say. */
export function harmless(from: string): string {
  return from.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}
