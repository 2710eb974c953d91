/** The file system with faults: calls are noted in order, and those that a test names fail. */
import { basename } from "node:path";
import { diskOperations, type FileOperations, type TopicHandle } from "../file-operations.ts";

export class FaultyOperations implements FileOperations {
  /** Such as `append a.jsonl`, `datasync a.jsonl`, `syncFolder`. */
  readonly calls: string[] = [];
  /** Handles opened and not closed. */
  openCount = 0;
  openCountMax = 0;
  /** Calls that fail, with the system's code; a number of bytes is written all the same. */
  readonly faults = new Map<string, { readonly code: string; readonly bytes?: number; times: number }>();
  /** Awaited before a call of that name. */
  readonly waits = new Map<string, Promise<void>>();

  fail(call: string, code: string, times = 1, bytes?: number): void {
    this.faults.set(call, { code, times, ...(bytes === undefined ? {} : { bytes }) });
  }

  async makeFolder(path: string): Promise<void> {
    await diskOperations.makeFolder(path);
  }

  async syncFolder(path: string): Promise<void> {
    await this.#noted("syncFolder", () => diskOperations.syncFolder(path));
  }

  list(path: string): Promise<readonly string[]> {
    return diskOperations.list(path);
  }

  stat(path: string): ReturnType<FileOperations["stat"]> {
    return diskOperations.stat(path);
  }

  rename(from: string, to: string): Promise<void> {
    return this.#noted(`rename ${basename(from)}`, () => diskOperations.rename(from, to));
  }

  remove(path: string): Promise<void> {
    return diskOperations.remove(path);
  }

  async open(path: string, create: boolean): Promise<TopicHandle> {
    const name = basename(path);
    const handle = await this.#noted(`${create ? "create" : "open"} ${name}`, () => diskOperations.open(path, create));
    this.openCount += 1;
    this.openCountMax = Math.max(this.openCountMax, this.openCount);
    return {
      appendFile: (data) => {
        const bytes = this.faults.get(`append ${name}`)?.bytes ?? 0;
        return this.#noted(
          `append ${name}`,
          () => handle.appendFile(data),
          () => handle.appendFile((data as Buffer).subarray(0, bytes)),
        );
      },
      datasync: () => this.#noted(`datasync ${name}`, () => handle.datasync()),
      truncate: (size) => this.#noted(`truncate ${name}`, () => handle.truncate(size)),
      stat: handle.stat.bind(handle),
      read: handle.read.bind(handle),
      close: () => {
        this.openCount -= 1;
        return handle.close();
      },
    };
  }

  async #noted<T>(call: string, work: () => Promise<T>, atFault?: () => Promise<unknown>): Promise<T> {
    this.calls.push(call);
    await this.waits.get(call);
    const fault = this.faults.get(call);
    if (fault !== undefined && fault.times > 0) {
      fault.times -= 1;
      await atFault?.();
      throw Object.assign(new Error(`${fault.code}: scripted`), { code: fault.code });
    }
    return work();
  }
}
