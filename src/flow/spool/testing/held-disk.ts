/** A disk whose operations can be made to wait, on top of another: what comes in between of two steps is up to the test. */
import type { Disk, DiskFile } from "../disk.ts";
import type { DiskOperation } from "./fixtures.ts";
import { withWriteSynced } from "./write-synced.ts";

/** One operation that waits. */
export interface Hold {
  /** Settles when the operation was asked for. */
  readonly met: Promise<void>;
  /** Lets it go on. */
  readonly release: () => void;
}

interface Waiting {
  readonly operation: DiskOperation;
  readonly pathEnd: string;
  readonly meet: () => void;
  readonly released: Promise<void>;
}

export class HeldDisk implements Disk {
  readonly #disk: Disk;
  #isDead = false;
  readonly #waiting: Waiting[] = [];

  constructor(under: Disk) {
    this.#disk = under;
  }

  /** Makes the next operation of this kind on a file whose path ends so wait. */
  hold(operation: DiskOperation, pathEnd: string): Hold {
    const met = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    this.#waiting.push({ operation, pathEnd, meet: met.resolve, released: released.promise });
    return { met: met.promise, release: released.resolve };
  }

  /** The program that uses it ends here: whatever it still asks for never ends. */
  die(): void {
    this.#isDead = true;
  }

  makeFolder = (path: string): Promise<void> => this.#disk.makeFolder(path);
  list = (folder: string): Promise<readonly string[]> => this.#disk.list(folder);
  listFolders = (folder: string): Promise<readonly string[]> => this.#disk.listFolders(folder);
  exists = (path: string): Promise<boolean> => this.#disk.exists(path);

  async remove(path: string): Promise<void> {
    await this.#wait("remove", path);
    await this.#disk.remove(path);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#wait("rename", from);
    await this.#disk.rename(from, to);
  }

  async link(from: string, to: string): Promise<void> {
    await this.#wait("link", from);
    await this.#disk.link(from, to);
  }

  async syncFolder(path: string): Promise<void> {
    await this.#wait("syncFolder", path);
    await this.#disk.syncFolder(path);
  }

  async open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile> {
    await this.#wait(mode === "create" ? "create" : "open", path);
    const file = await this.#disk.open(path, mode);
    return withWriteSynced({
      write: async (bytes, offset) => {
        await this.#wait("write", path);
        await file.write(bytes, offset);
      },
      read: async (target, offset) => {
        await this.#wait("read", path);
        return file.read(target, offset);
      },
      sync: async () => {
        await this.#wait("sync", path);
        await file.sync();
      },
      truncate: async (bytes) => {
        await this.#wait("truncate", path);
        await file.truncate(bytes);
      },
      size: () => file.size(),
      close: async () => {
        await this.#wait("close", path);
        await file.close();
      },
    });
  }

  async #wait(operation: DiskOperation, path: string): Promise<void> {
    const at = this.#waiting.findIndex((each) => each.operation === operation && path.endsWith(each.pathEnd));
    if (at >= 0 && !this.#isDead) {
      const [held] = this.#waiting.splice(at, 1) as [Waiting];
      held.meet();
      await held.released;
    }
    if (this.#isDead) await new Promise(() => undefined);
  }
}
