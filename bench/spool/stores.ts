/**
 * The stores of the append contest, each with the fastest durable group commit that was found for it.
 *
 * Promise: `append` settles after the store's fsync or fdatasync of that message. All keep the same bytes of it: the log
 * encodes a message itself, for the others somebody else does, before or while it counts.
 */
import { createRequire } from "node:module";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { GroupCommit } from "./group-commit.ts";
import { openSpool, type MessagePool } from "./messages.ts";

export interface Store {
  /** Settles once the message is on disk. */
  append(index: number): Promise<void>;
}

/** The bytes of a message by its number. */
export type ValueOf = (index: number) => Buffer;

/** More than any contestant writes in its time. */
const BYTES_MAX = 64 * 1024 ** 3;
/** Pages of 16 KiB were a third faster for rows of this size than the usual 4 KiB, for both SQLites. */
const SQLITE_SETTINGS = "PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL";
const SQLITE_TABLE = "CREATE TABLE message (number INTEGER PRIMARY KEY, value BLOB NOT NULL)";
const LEVEL_KEY_BYTES = 8;

// As far as they are used here: their packages are installed for this bench alone, so that no type can come from them.
interface LmdbDatabase {
  put(key: number, value: Buffer): Promise<boolean>;
  putSync(key: number, value: Buffer, options: { readonly append: boolean }): boolean;
  transactionSync(work: () => void): void;
  readonly flushed: Promise<boolean>;
}
interface Lmdb {
  open(options: Readonly<Record<string, unknown>>): LmdbDatabase;
}
interface LevelBatch {
  put(key: Buffer, value: Buffer): void;
  write(options: { readonly sync: boolean }): Promise<void>;
}
interface Level {
  readonly ClassicLevel: new (
    folder: string,
    options: Readonly<Record<string, unknown>>,
  ) => {
    open(): Promise<void>;
    batch(): LevelBatch;
  };
}
interface Sqlite {
  exec(sql: string): void;
  prepare(sql: string): { run(...values: readonly (number | Buffer)[]): unknown };
}

const load = createRequire(join(import.meta.dirname, "../stores/package.json"));

export const STORES = {
  log: async (folder: string, pool: MessagePool): Promise<Store> => {
    const { log } = await openSpool(folder, { bytesMax: BYTES_MAX });
    return {
      append(index) {
        log.append(pool.at(index), true);
        return log.flush();
      },
    };
  },

  /** As its documentation shows it: the promise of a put is that of the transaction which all puts of a turn share. */
  lmdbPut: async (folder: string, _: MessagePool, valueOf: ValueOf): Promise<Store> => {
    const database = openLmdb(folder);
    const group = new GroupCommit(async (indexes) => {
      let last: Promise<unknown> = Promise.resolve();
      for (const index of indexes) last = database.put(index, valueOf(index));
      await last;
      await database.flushed;
    });
    return group;
  },

  /** Without its write thread: faster and with less CPU, but nothing else runs while it waits for the disk. */
  lmdbSync: async (folder: string, _: MessagePool, valueOf: ValueOf): Promise<Store> => {
    const database = openLmdb(folder);
    return new GroupCommit((indexes) =>
      database.transactionSync(() => {
        for (const index of indexes) database.putSync(index, valueOf(index), { append: true });
      }),
    );
  },

  classicLevel: async (folder: string, _: MessagePool, valueOf: ValueOf): Promise<Store> => {
    const { ClassicLevel } = load("classic-level") as Level;
    // Compression finds nothing in this content.
    const database = new ClassicLevel(folder, { keyEncoding: "buffer", valueEncoding: "buffer", compression: false });
    await database.open();
    return new GroupCommit(async (indexes) => {
      const batch = database.batch();
      for (const index of indexes) batch.put(levelKey(index), valueOf(index));
      await batch.write({ sync: true });
    });
  },

  nodeSqlite: async (folder: string, _: MessagePool, valueOf: ValueOf): Promise<Store> => {
    mkdirSync(folder);
    return sqlite(new DatabaseSync(join(folder, "database")), valueOf);
  },

  betterSqlite3: async (folder: string, _: MessagePool, valueOf: ValueOf): Promise<Store> => {
    mkdirSync(folder);
    const Database = load("better-sqlite3") as new (file: string) => Sqlite;
    return sqlite(new Database(join(folder, "database")), valueOf);
  },
} as const;

export type StoreName = keyof typeof STORES;

function openLmdb(folder: string): LmdbDatabase {
  const lmdb = load("lmdb") as Lmdb;
  mkdirSync(folder);
  // With overlappingSync a commit settles before it is on disk; waiting for `flushed` then was slower.
  return lmdb.open({ path: join(folder, "database"), encoding: "binary", keyEncoding: "uint32", overlappingSync: false, noMemInit: true });
}

function levelKey(index: number): Buffer {
  const key = Buffer.allocUnsafe(LEVEL_KEY_BYTES);
  key.writeBigUInt64BE(BigInt(index));
  return key;
}

function sqlite(database: Sqlite, valueOf: ValueOf): Store {
  database.exec(SQLITE_SETTINGS);
  database.exec(SQLITE_TABLE);
  const begin = database.prepare("BEGIN IMMEDIATE");
  const insert = database.prepare("INSERT INTO message VALUES (?, ?)");
  const commit = database.prepare("COMMIT");
  return new GroupCommit((indexes) => {
    begin.run();
    for (const index of indexes) insert.run(index, valueOf(index));
    commit.run();
  });
}
