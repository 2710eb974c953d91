/** The `stdout` destination: messages as lines on standard output, for trying things out and for pipes. */
import { z } from "zod";
import { defineDestination, type PlainConnection, type OutgoingMessage, type SendOutcome } from "../../driver/destination.ts";
import { messageText } from "../../driver/message-text.ts";
import { SidestreamError } from "../../errors.ts";
import { Output, type Written } from "./output.ts";

const NEWLINE = 0x0a;
/** At an abort a write to a pipe ends at once; one that hangs in the system (a stopped terminal) is not waited for. */
const ABORT_MS_MAX = 1_000;
/** `EIO` is what a terminal that went away answers. */
const GONE = new Set(["EPIPE", "EBADF", "EIO", "ECONNRESET"]);

export const stdoutOptions = z.strictObject({
  pretty: z.boolean().default(false).describe("Indent the JSON for human readers; a message then takes several lines."),
});

export type StdoutOptions = z.output<typeof stdoutOptions>;

/** Shared by all connections of the thread, so that lines don't mix and a torn one is ended. */
let standardOutput: Output | undefined;

export function connectOutput({ pretty }: StdoutOptions, output: Output): PlainConnection {
  return {
    async send(batch, signal) {
      const faults = batch.map((message) => faultOf(message, pretty));
      const texts = batch.map((message, index) => (faults[index] === null ? lineOf(message, pretty) : Buffer.alloc(0)));
      const written = await orAborted(output.write(Buffer.concat(texts), signal), signal);
      return outcomesOf(texts, faults, written);
    },
    // A write of nothing tells nothing of a pipe's reader, and more must not be written.
    async check() {},
    async [Symbol.asyncDispose]() {},
  };
}

export const stdout = defineDestination({
  type: "stdout",
  summary: "Writes messages to standard output",
  options: stdoutOptions,
  promises: { ordered: true, deduplicates: false, lanes: 1 },
  async open(options) {
    standardOutput ??= new Output(1);
    return connectOutput(options, standardOutput);
  },
});

function faultOf({ value }: OutgoingMessage, pretty: boolean): SidestreamError | null {
  if (value.length === 0) return new SidestreamError("SST_DESTINATION_REFUSED", "an empty message is no line");
  if (!pretty && value.includes(NEWLINE))
    return new SidestreamError("SST_DESTINATION_REFUSED", "a message with a line break in it can't be one line");
  return null;
}

function lineOf(message: OutgoingMessage, pretty: boolean): Buffer {
  const text = messageText(message);
  return Buffer.concat([pretty ? indented(text) : text, Buffer.of(NEWLINE)]);
}

function indented(value: Buffer): Buffer {
  try {
    return Buffer.from(JSON.stringify(JSON.parse(value.toString()), null, 2));
  } catch {
    // Not JSON: as it is.
    return value;
  }
}

/** What was written, or null when the write still hangs some time after the abort: it can't be called back. */
function orAborted(writing: Promise<Written>, signal: AbortSignal): Promise<Written | null> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const aborted = (): void => void (timer = setTimeout(() => resolve(null), ABORT_MS_MAX));
    if (signal.aborted) aborted();
    else signal.addEventListener("abort", aborted, { once: true });
    void writing.then((written) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", aborted);
      resolve(written);
    });
  });
}

/** A message is delivered when its last byte was taken. */
function outcomesOf(texts: readonly Buffer[], faults: readonly (SidestreamError | null)[], written: Written | null): SendOutcome[] {
  let end = 0;
  const failure = written === null ? unsure() : failureOf(written.error);
  return texts.map((text, index) => {
    end += text.length;
    const fault = faults[index] ?? null;
    if (fault !== null) return fault;
    return written !== null && end <= written.bytes ? null : failure;
  });
}

function unsure(): SidestreamError {
  return new SidestreamError(
    "SST_DESTINATION_UNSURE",
    "told to stop while standard output takes no more: its reader is too slow or has stopped",
  );
}

function failureOf(error: unknown): SidestreamError {
  if (error === null) return unsure();
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (GONE.has(code))
    return new SidestreamError("SST_DESTINATION_UNREACHABLE", `nobody reads standard output any more: ${code}`, { cause: error });
  return new SidestreamError("SST_DESTINATION_DISK", `standard output can't be written: ${code}`, { cause: error });
}
