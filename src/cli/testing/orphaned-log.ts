/** A data folder with a log that no destination has, for tests of the commands about such logs. */
import { join } from "node:path";
import type { TestContext } from "node:test";
import { configFolder } from "../../config/testing/config-folder.ts";
import { disk } from "../../flow/spool/disk.ts";
import { Spool } from "../../flow/spool/spool.ts";
import { delivered, message, readAll } from "../../flow/spool/testing/fixtures.ts";
import { createLog, type Log } from "../../observe/log.ts";
import type { LineOutput } from "../output.ts";

const MIB = 1024 * 1024;

export interface OrphanSite {
  readonly folder: string;
  readonly config: string;
  readonly data: string;
}

/** Opens logs of these names. */
export function openSpool(dataFolder: string, names: readonly string[]): Promise<Spool> {
  const destinations = names.map((name) => ({ name, bytesMax: 64 * MIB, deadLetters: { keepMs: 1e12, bytesMax: 64 * MIB } }));
  return Spool.open({ disk, dataFolder, destinations, topicsMax: 10, onFinding: () => undefined });
}

/** A log whose delivered messages are mostly in its archive: so many of the tenant `diku`, and as many of `college`. */
export async function makeArchive({ data }: Pick<OrphanSite, "data">, name: string, count: number): Promise<void> {
  const bounds = { bytesMax: 64 * MIB, segmentBytesMax: 16 * 1024, deadLetters: { keepMs: 1e12, bytesMax: 64 * MIB } };
  const destinations = [{ name, ...bounds, retain: { keepMs: 1e12, bytesMax: 1e12 } }];
  const spool = await Spool.open({ disk, dataFolder: data, destinations, topicsMax: 10, onFinding: () => undefined });
  const log = spool.logs.get(name);
  if (log === undefined) throw new Error(`the log of ${name} was opened`);
  for (let index = 0; index < 2 * count; index += 1) {
    log.append(message(`a${index}`, { tenant: index % 2 === 0 ? "diku" : "college", value: Buffer.alloc(2 * 1024) }), true);
    await log.flush();
  }
  await log.confirm((await readAll(log)).map(delivered));
  await spool.close();
}

/**
 * A configuration with the destination `files`, and a spool with the log `old`: so many messages, the first of them a
 * dead letter.
 *
 * @param bytes - Of each message.
 * @param options - Of the destination.
 */
export async function orphanSite(context: TestContext, count: number, bytes = 10, options = ""): Promise<OrphanSite> {
  const configuration = `version: 1\ndata: ./data\ndestinations:\n  files: { type: file, path: out${options} }\n`;
  const folder = configFolder(context, { "sidestream.yaml": configuration });
  const data = join(folder, "data");
  const spool = await openSpool(data, ["old"]);
  const log = spool.logs.get("old");
  const deadLetters = spool.deadLetters.get("old");
  for (let index = 0; index < count; index++) {
    log?.append(message(`m${index}`, { value: Buffer.alloc(bytes, "v") }), true);
    await log?.flush();
  }
  const [first] = log === undefined ? [] : await readAll(log);
  if (first !== undefined) {
    await deadLetters?.add(first, "SST_DESTINATION_REFUSED", "too large");
    const { logSequence, stream, tenant, frameBytes } = first;
    await log?.confirm([{ logSequence, stream, tenant, frameBytes, lane: "0", outcome: "dead", reason: "SST_DESTINATION_REFUSED" }]);
  }
  await spool.close();
  return { folder, data, config: join(folder, "sidestream.yaml") };
}

export class RecordedOutput implements LineOutput {
  out = "";
  error = "";
  readonly isTerminal: boolean;
  /** Lines that are taken before the reader goes away. */
  readonly #takes: number;
  readonly stdout = (text: string): void => void (this.out += text);
  readonly stderr = (text: string): void => void (this.error += text);

  constructor(isTerminal = false, takes = Number.POSITIVE_INFINITY) {
    this.isTerminal = isTerminal;
    this.#takes = takes;
  }

  readonly lines = (text: string): Promise<boolean> => {
    this.out += text;
    return Promise.resolve(this.out.split("\n").length - 1 < this.#takes);
  };
}

/** A log whose lines are kept. */
export function recordedLog(): { readonly log: Log; readonly lines: readonly { readonly msg: string }[] } {
  const lines: { readonly msg: string }[] = [];
  const write = (line: string): void => void lines.push(JSON.parse(line) as { readonly msg: string });
  return { log: createLog({ level: "warn", name: "test", write }), lines };
}
