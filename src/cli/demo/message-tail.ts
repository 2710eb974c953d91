/** Follows a folder of message files and prints a line for each message that was added. */
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";

/** Read at once of a file; the rest comes with the next look. */
const READ_BYTES_MAX = 1024 * 1024;

export class MessageTail {
  messageCount = 0;
  readonly #folder: string;
  readonly #show: (line: string) => void;
  /** Bytes shown of each file. Rotated files keep their name from then on, so an entry is never wrong. */
  readonly #shown = new Map<string, number>();
  #reading: Promise<void> | null = null;

  constructor(folder: string, show: (line: string) => void) {
    this.#folder = folder;
    this.#show = show;
  }

  /** Shows what was added since. A call while one runs waits for that one. */
  read(): Promise<void> {
    this.#reading ??= this.#readAll().finally(() => (this.#reading = null));
    return this.#reading;
  }

  async #readAll(): Promise<void> {
    const names = await readdir(this.#folder).catch(() => []);
    for (const name of names.filter((candidate) => candidate.endsWith(".jsonl")).toSorted()) await this.#readFile(name);
  }

  async #readFile(name: string): Promise<void> {
    await using file = await open(join(this.#folder, name), "r");
    const from = this.#shown.get(name) ?? 0;
    const { bytesRead, buffer } = await file.read(Buffer.alloc(READ_BYTES_MAX), 0, READ_BYTES_MAX, from);
    const end = buffer.lastIndexOf(10, bytesRead - 1) + 1;
    if (bytesRead === 0 || end === 0) return;
    this.#shown.set(name, from + end);
    for (const line of buffer.toString("utf8", 0, end - 1).split("\n")) {
      this.messageCount += 1;
      this.#show(describe(name, line));
    }
  }
}

interface Shown {
  readonly time: string;
  readonly sidestreamtenant: string;
  readonly partitionkey?: string;
  readonly data: { readonly request?: { readonly method: string; readonly path: string }; readonly response?: { readonly status: number } };
}

function describe(file: string, line: string): string {
  const { time, sidestreamtenant, partitionkey, data } = JSON.parse(line) as Shown;
  const what = `${data.request?.method ?? ""} ${data.request?.path ?? ""} ${data.response?.status ?? ""}`;
  return `${time.slice(11, 23)}  ${file.replace(/\.jsonl$/, "").padEnd(44)}  ${sidestreamtenant.padEnd(8)}  ${what.padEnd(60)}  key ${partitionkey ?? ""}`;
}
