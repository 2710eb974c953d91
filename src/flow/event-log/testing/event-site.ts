/** An event log on a real disk that can be made to fail, with clocks that tests move. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { eventOperations, type EventOperations } from "../event-files.ts";
import { EventLog } from "../event-log.ts";

const MIB = 2 ** 20;
const MINUTE_MS = 60_000;

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: made up by a test`), { code });
}

export class EventSite {
  readonly folder: string;
  readonly notices: string[] = [];
  freeBytes = 2 ** 40;
  /** Code with which writes fail, after half of the bytes. */
  writesFail: string | null = null;
  creationsFail: string | null = null;
  renamesFail: string | null = null;
  /** Milliseconds that both clocks are ahead. */
  ahead = 0;
  /** Writes wait for it. */
  gate: Promise<void> = Promise.resolve();

  constructor(context: TestContext) {
    this.folder = mkdtempSync(join(tmpdir(), "sidestream-events-"));
    context.after(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  get eventsFolder(): string {
    return join(this.folder, "events");
  }

  open(settings: { readonly keepMs?: number; readonly bytesMax?: number } = {}): EventLog {
    return new EventLog({
      dataFolder: this.folder,
      settings: { keepMs: 60 * MINUTE_MS, bytesMax: 16 * MIB, ...settings },
      onNotice: (text) => this.notices.push(text),
      operations: this.#operations(),
      nowMs: () => Date.now() + this.ahead,
      steadyMs: () => performance.now() + this.ahead,
    });
  }

  names(): readonly string[] {
    return readdirSync(this.eventsFolder).toSorted();
  }

  /** All that is in the files. */
  text(): string {
    return this.names()
      .map((name) => readFileSync(join(this.eventsFolder, name), "utf8"))
      .join("");
  }

  #operations(): EventOperations {
    return {
      ...eventOperations,
      create: async (path) => {
        if (this.creationsFail !== null) throw systemError(this.creationsFail);
        const file = await eventOperations.create(path);
        return {
          close: () => file.close(),
          appendFile: async (data) => {
            await this.gate;
            if (this.writesFail === null) return await file.appendFile(data);
            const bytes = Buffer.from(data as Uint8Array);
            await file.appendFile(bytes.subarray(0, bytes.length / 2));
            throw systemError(this.writesFail);
          },
        };
      },
      rename: async (from, to) => {
        if (this.renamesFail !== null) throw systemError(this.renamesFail);
        await eventOperations.rename(from, to);
      },
      freeBytes: () => Promise.resolve(this.freeBytes),
    };
  }
}

/** A line as the log has them. */
export function eventLine(id: string, tenant: string, padding = 0): Buffer {
  return Buffer.from(JSON.stringify({ id, sidestreamtenant: tenant, data: "x".repeat(padding) }));
}
