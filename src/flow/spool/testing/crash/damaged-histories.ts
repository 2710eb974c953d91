/**
 * Histories whose disk is damaged afterwards: a bit is flipped, a sector is gone that had been synced, a file is back at
 * what it was before; or several of these at once.
 */
import type { Random } from "../memory-disk.ts";
import { checkDamage, type DamageClaims } from "./damage-check.ts";
import { newLog, type Recorded } from "./life.ts";
import { Model } from "./model.ts";
import type { LogShape } from "./observed.ts";
import { isBusy, randomShape, randomSteps } from "./random-steps.ts";
import type { HistorySearch, Search } from "./search.ts";
import { SimulatedDisk, type DiskImage, type JournalEntry } from "./simulated-disk.ts";
import { SECTOR_BYTES } from "./simulated-file.ts";
import { CrashState } from "./surviving.ts";

export const DAMAGE_FAMILY = "damage";
const MOMENTS = 3;
const DAMAGES = 60;
const BATCH_HEADER_BYTES = 48;

interface Damaged {
  /** For the place. */
  readonly name: string;
  readonly image: DiskImage;
  readonly claims: DamageClaims;
}

/** A history at rest: everything that was written is there. */
interface Moment {
  readonly operation: number;
  readonly disk: SimulatedDisk;
  readonly image: DiskImage;
  readonly model: Model;
}

type Written = JournalEntry & { readonly kind: "write" };

export async function searchDamage(search: Search, number: number): Promise<void> {
  const history = search.history(DAMAGE_FAMILY, number);
  const random = history.random("plan");
  // What a log gave up by itself could not be told from what damage took.
  const shape: LogShape = { ...randomShape(random), whenFull: "refuse" };
  const steps = randomSteps(4 + random(10), random);
  const recorded = await history.live("life", newLog(shape), shape, {
    steps,
    fault: () => null,
    closes: random(2) === 0,
    isBusy: isBusy(shape, random),
  });
  for (let moment = 0; moment < MOMENTS; moment++) {
    const at = momentAt(
      recorded,
      moment === 0 ? recorded.journal.length : recorded.began + 1 + random(recorded.journal.length - recorded.began),
    );
    for (let damage = 0; damage < DAMAGES; damage++) {
      if (search.isOver) return;
      const damaged = damageOf(recorded, at, shape, random);
      if (damaged !== null) await check(history, at, damaged, shape);
    }
  }
}

async function check(
  history: HistorySearch,
  { operation, model }: Moment,
  { name, image, claims }: Damaged,
  shape: LogShape,
): Promise<void> {
  if (!history.isWanted("life", operation, name)) return;
  history.tally.points += 1;
  history.tally.starts += 1;
  try {
    await checkDamage(image, model, shape, claims);
  } catch (error) {
    throw history.found("life", operation, name, error);
  }
}

function momentAt(recorded: Recorded, operation: number): Moment {
  const disk = new SimulatedDisk(recorded.image);
  for (const entry of recorded.journal.slice(0, operation)) disk.apply(entry);
  const model = recorded.model.clone();
  for (const { at, told } of recorded.heard) if (at <= operation) model.apply(told);
  const state = new CrashState(disk);
  return { operation, disk, model, image: state.image(state.live) };
}

function damageOf(recorded: Recorded, moment: Moment, shape: LogShape, random: Random): Damaged | null {
  const kind = random(10);
  if (kind < 5) return flip(recorded, moment, random);
  if (kind < 7) return loseSector(recorded, moment, random);
  return kind < 9 ? goBack(recorded, moment, shape, random) : wreck(recorded, moment, random);
}

/** One bit. */
function flip(recorded: Recorded, moment: Moment, random: Random): Damaged | null {
  const place = writtenPlace(recorded, moment, random);
  if (place === null) return null;
  const { path, offset } = place;
  const bit = random(8);
  const image = changed(moment.image, path, (bytes) => (bytes[offset] = (bytes[offset] ?? 0) ^ (1 << bit)));
  return { name: `flip.${path}.${offset}.${bit}`, image, claims: claimsOf(recorded, moment, path, offset, 1) };
}

/** A sector that was synced has nothing in it. */
function loseSector(recorded: Recorded, moment: Moment, random: Random): Damaged | null {
  const place = writtenPlace(recorded, moment, random);
  if (place === null) return null;
  const { path } = place;
  const offset = place.offset - (place.offset % SECTOR_BYTES);
  const image = changed(moment.image, path, (bytes) => bytes.fill(0, offset, Math.min(bytes.length, offset + SECTOR_BYTES)));
  return { name: `sector.${path}.${offset}`, image, claims: claimsOf(recorded, moment, path, offset, SECTOR_BYTES) };
}

/** A file is as it was some time ago, or not there: the disk had lied about its syncs. */
function goBack(recorded: Recorded, moment: Moment, { parkBytes }: LogShape, random: Random): Damaged | null {
  const path = pick([...moment.image.files.keys()], random);
  if (path === undefined) return null;
  const back = recorded.began + random(moment.operation + 1 - recorded.began);
  const before = momentAt(recorded, back).image.files.get(path);
  const files = new Map(moment.image.files);
  if (before === undefined) files.delete(path);
  else files.set(path, before);
  // A segment that was rewritten without what was done may have all of it again.
  const isRewritten = parkBytes !== Infinity;
  const claims = {
    hit: null,
    lostMax: Infinity,
    againAllowed: isCursor(path) || isRewritten,
    balanced: !isRewritten,
    told: false,
    numbersKnown: true,
  };
  return { name: `back.${path}.${back}`, image: { ...moment.image, files }, claims };
}

/** Several files are hit in several ways. */
function wreck(recorded: Recorded, moment: Moment, random: Random): Damaged | null {
  let { image } = moment;
  for (let left = 2 + random(6); left > 0; left--) {
    const place = writtenPlace(recorded, { ...moment, image }, random);
    if (place === null) continue;
    const { path, offset } = place;
    const way = random(6);
    if (way === 0) image = { ...image, files: new Map([...image.files].filter(([each]) => each !== path)) };
    else if (way === 1)
      image = {
        ...image,
        files: new Map([...image.files].map(([each, bytes]) => [each, each === path ? bytes.subarray(0, offset) : bytes])),
      };
    else
      image = changed(image, path, (bytes) =>
        bytes.fill(random(256), offset, Math.min(bytes.length, offset + 1 + random(way < 4 ? 2 : 1_500))),
      );
  }
  const claims = { hit: null, lostMax: Infinity, againAllowed: true, balanced: false, told: false, numbersKnown: false };
  return { name: `wreck.${random(1_000_000)}`, image, claims };
}

/** What one hit may cost. */
function claimsOf(recorded: Recorded, moment: Moment, path: string, offset: number, bytes: number): DamageClaims {
  if (isCursor(path)) return { hit: new Set(), lostMax: 0, againAllowed: true, balanced: true, told: true, numbersKnown: true };
  const id = moment.disk.names.target(path);
  const writes = recorded.journal
    .slice(0, moment.operation)
    .filter((entry): entry is Written => entry.kind === "write" && entry.file === id);
  const hit = new Set<string>();
  let lostMax = 0;
  let told = true;
  for (const write of new Set(places(offset, bytes).map((at) => lastAt(writes, at)))) {
    if (write === undefined) continue;
    const held = messagesIn(write, moment.model);
    for (const message of held) hit.add(message);
    // A frame; all of them where the header of a batch is hit, or nothing after the batch shows that it was whole.
    const isFrame = bytes === 1 && !isInBatchHeader(write, offset) && !isLast(writes, write);
    lostMax += isFrame ? Math.min(1, held.length) : held.length;
    // In a file that is used again nothing may be left of a last batch to tell by that there ever was one.
    if (bytes > 1 && isLast(writes, write)) told = false;
  }
  return { hit, lostMax, againAllowed: false, balanced: true, told, numbersKnown: true };
}

/** Enough offsets of a range to meet every write in it: they begin and end at a multiple of 8. */
function places(offset: number, bytes: number): number[] {
  const offsets: number[] = [];
  for (let at = offset; at < offset + bytes; at += 8) offsets.push(at);
  return offsets;
}

/** The write that an offset's byte is of: a file that is used again has earlier ones. */
function lastAt(writes: readonly Written[], offset: number): Written | undefined {
  return writes.findLast((write) => write.offset <= offset && offset < write.offset + write.bytes.length);
}

/** Nothing was written behind it. What lies there may be of an earlier use of the file. */
function isLast(writes: readonly Written[], write: Written): boolean {
  return writes.slice(writes.indexOf(write) + 1).every(({ offset }) => offset <= write.offset);
}

function isInBatchHeader({ offset: from, bytes }: Written, offset: number): boolean {
  for (let at = bytes.indexOf("BTCH"); at >= 0; at = bytes.indexOf("BTCH", at + 1))
    if (at % 8 === 0 && from + at <= offset && offset < from + at + BATCH_HEADER_BYTES) return true;
  return false;
}

/** Messages whose event id a write holds. */
function messagesIn({ bytes }: Written, model: Model): string[] {
  const ids: string[] = [];
  for (const { given } of model.messages) {
    const text = Buffer.from(`event-${given.id}`);
    for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
      const next = bytes[at + text.length] ?? 0;
      if (next < 0x30 || next > 0x39) ids.push(given.id);
    }
  }
  return [...new Set(ids)];
}

/** A byte that the program wrote and that is on the disk: the padding of headers is as likely to be hit as any other write. */
function writtenPlace(
  { journal }: Recorded,
  { operation, disk, image }: Moment,
  random: Random,
): { readonly path: string; readonly offset: number } | null {
  const paths = new Map([...image.files.keys()].map((path) => [disk.names.target(path), path]));
  const writes = journal.slice(0, operation).filter((entry): entry is Written => entry.kind === "write" && paths.has(entry.file));
  const write = pick(writes, random);
  if (write === undefined) return null;
  const path = paths.get(write.file) as string;
  // Of a segment's header the copies themselves, not what lies between them.
  const within = write.offset === 0 && write.bytes.length === 8192 ? random(2) * 4096 + random(SECTOR_BYTES) : random(write.bytes.length);
  const offset = write.offset + within;
  return offset < (image.files.get(path)?.length ?? 0) ? { path, offset } : null;
}

function changed(image: DiskImage, path: string, change: (bytes: Buffer) => unknown): DiskImage {
  const bytes = Buffer.from(image.files.get(path) ?? Buffer.alloc(0));
  change(bytes);
  return { ...image, files: new Map([...image.files].map(([each, before]) => [each, each === path ? bytes : before])) };
}

function isCursor(path: string): boolean {
  return path.includes("/cursor-");
}

function pick<Value>(values: readonly Value[], random: Random): Value | undefined {
  return values[random(Math.max(1, values.length))];
}
