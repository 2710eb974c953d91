/**
 * What must hold after damage, where a bit was flipped or a disk did not keep what it had synced: a start ends with an
 * answer, nothing is invented or altered, no more is lost than was hit, what is lost is told and counted, and no number
 * that was sent is used again.
 */
import { isSidestreamError } from "../../../../errors.ts";
import { inspectSpool } from "../../inspect.ts";
import type { SpooledMessage } from "../../spooled.ts";
import { delivered, message, readAll } from "../fixtures.ts";
import { checkTrue } from "./crash-check.ts";
import { ImageDisk } from "./image-disk.ts";
import type { Known, Model } from "./model.ts";
import { DATA_FOLDER, observe, STREAM, type LogShape, type Observed } from "./observed.ts";
import type { DiskImage } from "./simulated-disk.ts";
import { must } from "./violation.ts";

/** More than the message takes that is appended after the damage. */
const ROOM_BYTES = 2_000;

/** What may follow from the damage. */
export interface DamageClaims {
  /** Messages that may be lost, and how many of them. Null: any. */
  readonly hit: ReadonlySet<string> | null;
  readonly lostMax: number;
  /** Confirmed messages may be there again: the cursor was hit. */
  readonly againAllowed: boolean;
  /** The counts add up. False where messages may be there again that were counted as gone. */
  readonly balanced: boolean;
  /** What is lost is told. False where the disk gave back an earlier state that is whole in itself. */
  readonly told: boolean;
  /** What was sent is known still. False where more than one thing was damaged. */
  readonly numbersKnown: boolean;
}

export async function checkDamage(image: DiskImage, model: Model, shape: LogShape, claims: DamageClaims): Promise<void> {
  const disk = new ImageDisk(image);
  const readerFindings = await look(disk);
  const observed = await observe(disk, shape);
  // Anything else than an answer is thrown there.
  if (isSidestreamError(observed)) return must(!claims.numbersKnown, () => `the start was refused: ${observed.message}`);
  try {
    const there = checkTrue(model, observed.messages);
    const lost = [...model.messages].filter(({ given, fate, done }) => fate === "kept" && done === "no" && !there.has(given.id));
    checkLost(lost, claims);
    if (!claims.againAllowed)
      for (const { given, done } of model.messages)
        must(done !== "yes" || !there.has(given.id), () => `${given.id} was confirmed, and is there again`);
    if (claims.told && lost.length > 0) {
      must(observed.findings.length > 0, () => `${lost.length} messages are lost, and nobody is told`);
      must(readerFindings > 0, () => `${lost.length} messages are lost, and a reader is told nothing`);
    }
    if (claims.numbersKnown) checkNumbers(model, observed);
    if (observed.log.stopped === null) await goOn(model, observed, claims);
  } finally {
    await observed.log.close();
  }
  must(disk.openFiles === 0, () => `${disk.openFiles} files are still open after the log was closed`);
}

function checkLost(lost: readonly Known[], { hit, lostMax }: DamageClaims): void {
  if (hit === null) return;
  for (const { given } of lost) must(hit.has(given.id), () => `${given.id} was not hit, and is lost`);
  must(
    lost.length <= lostMax,
    () => `${lost.length} messages are lost, and ${lostMax} may be: ${lost.map(({ given }) => given.id).join()}`,
  );
}

/** @returns How many things a reader found. */
async function look(disk: ImageDisk): Promise<number> {
  const reports = await inspectSpool(disk, DATA_FOLDER, true, () => undefined).catch((error: unknown) => {
    must(isSidestreamError(error), () => `a reader ended with a fault of the program: ${String(error)}`);
    return [];
  });
  must(
    disk.changes === 0 && disk.openFiles === 0,
    () => `a reader changed the disk ${disk.changes} times, left ${disk.openFiles} files open`,
  );
  return reports.reduce((sum, { findings }) => sum + findings.length, 0);
}

/** A log that goes on gives no number again that was sent, or that is done. */
function checkNumbers(model: Model, { log, status }: Observed): void {
  if (log.stopped !== null) return;
  const next = status.nextSequence;
  for (const [lane, below] of model.sentBelow)
    must(next >= below, () => `the next number is ${next}, and lane ${lane} may have sent up to ${below - 1}`);
  for (const { given, done, seen } of model.messages)
    must(done !== "yes" || (seen?.number ?? 0) < next, () => `the next number is ${next}, and ${given.id}, done, had ${seen?.number}`);
  for (const { given, seen } of model.messages) {
    if (seen === null || seen.number >= (model.sentBelow.get(given.topic) ?? 0)) continue;
    const due = log.nextNumber(STREAM, given.topic);
    must(due > seen.sequence, () => `the next number of ${given.topic} is ${due}, and ${given.id}, sent, had ${seen.sequence}`);
  }
}

/** The counts add up, and the log can be used: one more message goes in and out, and nothing waits for ever. */
async function goOn(model: Model, { log, messages }: Observed, { balanced, numbersKnown }: DamageClaims): Promise<void> {
  if (balanced) checkBalance(log.status(), messages);
  // One that is full says so, and can still drain.
  if (log.roomFor("tenant-0") < ROOM_BYTES) return;
  log.append(message("after", { topic: "topic-0", tenant: "tenant-0" }), true);
  await log.flush();
  const all = await readAll(log);
  const after = all.at(-1);
  must(after?.eventId === "event-after", () => "a message that was appended after the damage can't be read");
  const ids = (list: readonly SpooledMessage[]): string => list.map(({ eventId }) => eventId).join();
  must(ids(all.slice(0, -1)) === ids(messages), () => `read again, there is ${ids(all)} instead of ${ids(messages)}`);
  const owner = numbersKnown ? sentOwner(model, after as SpooledMessage) : undefined;
  must(owner === undefined, () => `number ${after?.logSequence} or sequence ${after?.sequence} was that of ${owner}, and was sent`);
  await log.confirm(all.map(delivered));
  const status = log.status();
  if (balanced) checkBalance(status, []);
  must(log.confirmedSequence >= (after?.logSequence ?? 0), () => `all is done, and the low-water mark stays at ${log.confirmedSequence}`);
}

function checkBalance({ accepted, outcomes, pending }: Observed["status"], messages: readonly SpooledMessage[]): void {
  for (const [tenant, count] of Object.entries(accepted[STREAM] ?? {})) {
    const left = outcomes[STREAM]?.[tenant];
    const dropped = Object.values(left?.dropped ?? {}).reduce((sum, each) => sum + each, 0);
    const waiting = pending[STREAM]?.[tenant] ?? 0;
    const gone = (left?.delivered ?? 0) + (left?.dead ?? 0) + dropped;
    must(count === gone + waiting, () => `${tenant}: ${count} accepted, ${gone} gone, ${waiting} pending`);
    const readable = messages.filter((each) => each.tenant === tenant).length;
    must(waiting === readable, () => `${waiting} messages of ${tenant} are pending, and ${readable} can be read`);
  }
}

/** Whose number, or number in its topic, a new message has that was sent by another. */
function sentOwner(model: Model, { logSequence, topic, sequence }: SpooledMessage): string | undefined {
  for (const { given, seen } of model.messages) {
    if (seen === null || seen.number >= (model.sentBelow.get(given.topic) ?? 0)) continue;
    if (seen.number === logSequence || (given.topic === topic && seen.sequence === sequence)) return given.id;
  }
  return undefined;
}
