/** A spool with the destination `out` and dead letters in it, for tests of what becomes of them. */
import type { Disk } from "../disk.ts";
import type { DeadLetterLog } from "../dead-letter-log.ts";
import type { DestinationLog } from "../destination-log.ts";
import type { SpoolFinding } from "../findings.ts";
import type { DeadLetter } from "../letter-reading.ts";
import { redriveLetters, type LettersActed, type RedriveSettings } from "../redrive.ts";
import { Spool } from "../spool.ts";
import type { Confirmation, SpooledMessage } from "../spooled.ts";
import { delivered, message, readAll } from "./fixtures.ts";

export const LETTERS_FOLDER = "/data/dead/out";
const MIB = 1024 * 1024;

export interface LettersSite {
  readonly spool: Spool;
  readonly log: DestinationLog;
  readonly letters: DeadLetterLog;
  readonly findings: readonly SpoolFinding[];
}

export interface LettersSiteOptions {
  readonly dataFolder?: string;
  readonly bytesMax?: number;
  readonly topicsMax?: number;
  readonly deadBytesMax?: number;
}

export async function openLetters(disk: Disk, over: LettersSiteOptions = {}): Promise<LettersSite> {
  const { dataFolder = "/data", bytesMax = 16 * MIB, topicsMax = 100, deadBytesMax = 64 * MIB } = over;
  const findings: SpoolFinding[] = [];
  const destinations = [{ name: "out", bytesMax, deadLetters: { keepMs: 1e12, bytesMax: deadBytesMax } }];
  const onFinding = (_: string, finding: SpoolFinding): void => void findings.push(finding);
  const spool = await Spool.open({ disk, dataFolder, destinations, topicsMax, onFinding });
  const log = spool.logs.get("out");
  const letters = spool.deadLetters.get("out");
  if (log === undefined || letters === undefined) throw new Error("no logs");
  return { spool, log, letters, findings };
}

/** As the dispatcher does: the letter is on disk before the message is done. */
export async function refuse(
  { log, letters }: LettersSite,
  messages: readonly SpooledMessage[],
  code = "SST_DESTINATION_REFUSED",
): Promise<void> {
  for (const each of messages) {
    await letters.add(each, code, "too large");
    await log.confirm([deadOf(each, code)]);
  }
}

export function deadOf(each: SpooledMessage, code = "SST_DESTINATION_REFUSED"): Confirmation {
  return { ...delivered(each), outcome: "dead", reason: code };
}

/** Has so many messages accepted, and refused. */
export async function makeLetters(site: LettersSite, count: number, over: Parameters<typeof message>[1] = {}): Promise<void> {
  for (let index = 0; index < count; index++) site.log.append(message(String(index), over), true);
  await site.log.flush();
  await refuse(site, await readAll(site.log));
}

export async function lettersOf({ letters }: LettersSite): Promise<readonly DeadLetter[]> {
  const all: DeadLetter[] = [];
  for await (const lot of letters.read(0, letters.nextNumber)) all.push(...lot);
  return all;
}

/** Event ids of the letters, and of the messages that wait. */
export async function whereabouts(site: LettersSite): Promise<{ readonly dead: readonly string[]; readonly waiting: readonly string[] }> {
  const dead = (await lettersOf(site)).map((letter) => letter.message.eventId);
  return { dead, waiting: (await readAll(site.log)).map(({ eventId }) => eventId) };
}

export function redriveAll({ log, letters }: LettersSite, over: Partial<RedriveSettings> = {}): Promise<LettersActed> {
  return redriveLetters({
    log,
    letters,
    filter: {},
    span: { from: 0, to: null },
    waitMsMax: Number.POSITIVE_INFINITY,
    waitsForRoom: false,
    signal: new AbortController().signal,
    ...over,
  });
}
