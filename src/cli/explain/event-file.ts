/**
 * Reads the event that is to be explained from a file: an event written down as in tests, a message as Sidestream wrote
 * it, or a line of `spool export` or `dead show --json`.
 */
import { open } from "node:fs/promises";
import { valueAt } from "../../config/check.ts";
import { readEventRecord } from "../../config/event-record.ts";
import { Findings } from "../../config/finding.ts";
import { parseYaml } from "../../config/yaml.ts";
import { SidestreamError } from "../../errors.ts";
import type { IdentifiedEvent } from "../../flow/event.ts";
import type { Message } from "../../flow/message/message.ts";

/** The largest message there can be, in base64 and with some room. */
const INPUT_BYTES_MAX = 100 * 1024 * 1024;

export type GivenEvent =
  | { readonly event: IdentifiedEvent; readonly message: null }
  | { readonly event: null; readonly message: Pick<Message, "headers" | "value"> };

/**
 * @param file - `-`: standard input.
 * @throws ConfigurationError for an event that is written down wrongly; SidestreamError `SST_COMMAND_INVALID` for what
 * can't be read, is too large, or is several lines of an export.
 */
export async function readEventFile(file: string, input: AsyncIterable<Uint8Array>): Promise<GivenEvent> {
  const shown = file === "-" ? "standard input" : file;
  const text = await readBounded(file, shown, input);
  const json = parsedJson(text);
  const message = json === undefined ? null : messageOf(json, text);
  if (message !== null) return { event: null, message };
  const isExport = json === undefined && text.split("\n", 2).every((line) => line === "" || parsedJson(line) !== undefined);
  if (isExport && text.includes("\n"))
    throw invalid(
      `${shown} has several messages, one a line: give one of them, such as with \`head -1\` or \`jq -c 'select(.number==7)'\``,
    );
  const findings = new Findings();
  const document = parseYaml(shown, text, findings);
  const isWrapped = document !== null && valueAt(document.value, ["event"]) !== undefined;
  const event = document === null ? null : readEventRecord(document, isWrapped ? ["event"] : [], findings);
  findings.throwErrors();
  // Without an error there is an event.
  return { event: event as IdentifiedEvent, message: null };
}

/** Null: it is no message, but perhaps an event that is written down in JSON. */
function messageOf(json: unknown, text: string): Pick<Message, "headers" | "value"> | null {
  const [value, headers, data] = [valueAt(json, ["value"]), valueAt(json, ["headers"]), valueAt(json, ["data"])];
  const pairs = headersOf(headers);
  if (typeof value === "string" && pairs !== null) return { headers: pairs, value: Buffer.from(value, "base64") };
  if (data !== undefined && pairs !== null) return { headers: pairs, value: Buffer.from(JSON.stringify(data)) };
  if (valueAt(json, ["specversion"]) !== undefined) return { headers: [], value: Buffer.from(text) };
  return null;
}

/** A list of pairs, as exports have it, or names with values. */
function headersOf(headers: unknown): Message["headers"] | null {
  if (typeof headers !== "object" || headers === null) return null;
  const entries: readonly unknown[] = Array.isArray(headers) ? headers : Object.entries(headers);
  return entries.flatMap((entry): Message["headers"] => {
    const [name, value] = Array.isArray(entry) ? (entry as readonly unknown[]) : [];
    return typeof name === "string" && typeof value === "string" ? [[name, value]] : [];
  });
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

async function readBounded(file: string, shown: string, input: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    const source = file === "-" ? input : (await open(file)).createReadStream();
    for await (const chunk of source as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      if (bytes > INPUT_BYTES_MAX) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown error";
    throw new SidestreamError("SST_COMMAND_INVALID", `${shown} can't be read: ${code}`, { cause });
  }
  if (bytes > INPUT_BYTES_MAX)
    throw invalid(`${shown} has more than ${INPUT_BYTES_MAX} bytes: an event is one message, or some lines of YAML`);
  return Buffer.concat(chunks)
    .toString("utf8")
    .replace(/^\ufeff/, "");
}

function invalid(text: string): SidestreamError {
  return new SidestreamError("SST_COMMAND_INVALID", text);
}
