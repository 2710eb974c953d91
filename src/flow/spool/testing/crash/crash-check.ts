/**
 * What must hold after a crash on a disk that keeps its word: everything acknowledged is there, nothing is invented,
 * altered, doubled or out of order, the counts add up, and nobody is told of damage.
 */
import { journalKey } from "../../../event.ts";
import { isProblem } from "../../findings.ts";
import type { SpooledMessage } from "../../spooled.ts";
import { placeOf, SOURCE } from "./handed-in.ts";
import type { Known, Model } from "./model.ts";
import { STREAM, type Observed } from "./observed.ts";
import type { Seen } from "./told.ts";
import { must } from "./violation.ts";

/** Why messages are given up: because somebody says so, or to make room. */
const REASONS = new Set(["because", "drop-oldest"]);

/** Counts of a tenant. */
interface Counts {
  accepted: number;
  delivered: number;
  dead: number;
  dropped: number;
  pending: number;
}

/**
 * @param memory - What the log keeps for a driver was told to the model, too.
 * @param shown - Messages that an earlier start from the same point found, and may have given up.
 */
export function checkCrash(model: Model, observed: Observed, memory: boolean, shown: ReadonlySet<string> = new Set()): void {
  const { log, findings } = observed;
  const problem = findings.find(isProblem);
  must(problem === undefined, () => `a crash was taken for damage: ${problem?.kind}: ${problem?.text}`);
  must(log.stopped === null, () => `the log stopped: ${log.stopped?.message}`);
  must(log.doubtfulFrom === null, () => `a crash put numbers in doubt from ${log.doubtfulFrom} on`);
  const there = checkTrue(model, observed.messages);
  const isDone = ({ given, done, fate }: Known): boolean =>
    !there.has(given.id) && (done !== "no" || (model.givesUp && (fate === "kept" || shown.has(given.id))));
  checkComplete(model, there);
  checkSequences(model, observed, there, isDone);
  checkCounts(model, observed, there, isDone);
  checkProgress(model, log, (known) => there.has(known.given.id) || isDone(known));
  if (memory) checkMemory(model, observed, there);
}

/** Nothing is invented, altered, doubled or out of order, and no number stands for two messages. Gives the messages by id. */
export function checkTrue(model: Model, messages: readonly SpooledMessage[]): ReadonlyMap<string, SpooledMessage> {
  const there = new Map<string, SpooledMessage>();
  let before = 0;
  for (const message of messages) {
    const id = message.eventId.slice("event-".length);
    must(model.has(id), () => `${message.eventId} was never given to the log`);
    must(!there.has(id), () => `${id} is there twice`);
    const { given, seen } = model.known(id);
    must(message.value.equals(given.value), () => `the value of ${id} is altered`);
    const { topic, tenant, stream, logSequence, sequence } = message;
    must(topic === given.topic && tenant === given.tenant && stream === STREAM, () => `${id} is altered`);
    must(logSequence > before, () => `${id} has number ${logSequence}, after ${before}`);
    must(seen === null || seen.number === logSequence, () => `${id} had number ${seen?.number}, and has now ${logSequence}`);
    const owner = model.ownerOf(logSequence) ?? id;
    must(owner === id, () => `number ${logSequence} was that of ${owner}, and is now that of ${id}`);
    const other = model.ownerIn(topic, sequence) ?? id;
    must(other === id, () => `sequence ${sequence} of ${topic} was that of ${other}, and is now that of ${id}`);
    before = logSequence;
    there.set(id, message);
  }
  const order = [...model.messages].filter(({ given }) => there.has(given.id)).map(({ given }) => given.id);
  must([...there.keys()].join() === order.join(), () => `the order is ${[...there.keys()].join()}, and was ${order.join()}`);
  return there;
}

function checkComplete(model: Model, there: ReadonlyMap<string, SpooledMessage>): void {
  for (const { given, fate, done, seen } of model.messages) {
    const isThere = there.has(given.id);
    if (fate === "kept" && done === "no" && !model.givesUp)
      must(isThere, () => `${given.id} was ${seen === null ? "acknowledged" : "read"}, and is lost`);
    if (fate === "refused") must(!isThere, () => `${given.id} was refused, or gone at an earlier start, and is there`);
    if (done === "yes") must(!isThere, () => `${given.id} was confirmed, and is there again`);
  }
}

function checkSequences(
  model: Model,
  { log, status }: Observed,
  there: ReadonlyMap<string, SpooledMessage>,
  isDone: (known: Known) => boolean,
): void {
  const next = new Map<string, number>();
  for (const known of model.messages) {
    const { id, topic } = known.given;
    const message = there.get(id);
    if (message === undefined && !isDone(known)) continue;
    const due = next.get(topic) ?? 1;
    const sequence = message?.sequence ?? known.seen?.sequence ?? due;
    must(sequence === due, () => `${id} is number ${sequence} of ${topic}, and ${due} is due`);
    next.set(topic, due + 1);
  }
  for (const [topic, due] of next) {
    const told = log.nextNumber(STREAM, topic);
    must(told === due, () => `the next number of ${topic} would be ${told}, and ${due} is due`);
  }
  must(status.nextSequence > model.highestSeen, () => `the next number would be ${status.nextSequence}, and ${model.highestSeen} was seen`);
}

/** A source that hands in again what comes after a crash doubles nothing and passes nothing by. */
export function checkProgress(model: Model, log: Observed["log"], isIn: (known: Known) => boolean): void {
  /** By boot: those after the last message that got in. */
  const behind = new Map<string, Known[]>();
  const has = ({ given: { id, topic } }: Known): boolean => {
    const position = placeOf(id)?.position ?? 0;
    return log.progress.has(journalKey(SOURCE, `event-${id}`), position, STREAM, topic);
  };
  for (const known of model.messages) {
    const { id } = known.given;
    const place = placeOf(id);
    if (place === null) continue;
    if (isIn(known)) {
      must(has(known), () => `${id} got in, and would be taken once more`);
      behind.set(place.boot, []);
    } else behind.set(place.boot, [...(behind.get(place.boot) ?? []), known]);
  }
  for (const known of [...behind.values()].flat()) must(!has(known), () => `${known.given.id} didn't get in, and would be passed by`);
}

function checkCounts(
  model: Model,
  { status }: Observed,
  there: ReadonlyMap<string, SpooledMessage>,
  isDone: (known: Known) => boolean,
): void {
  const expected = new Map<string, Counts>();
  const turnedAwayMax = new Map<string, number>();
  for (const known of model.messages) {
    const { id, tenant } = known.given;
    const counts = expected.get(tenant) ?? { accepted: 0, delivered: 0, dead: 0, dropped: 0, pending: 0 };
    expected.set(tenant, counts);
    if (there.has(id)) counts.pending += 1;
    else if (isDone(known)) counts[known.how?.outcome ?? "dropped"] += 1;
    if (known.turnedAway) turnedAwayMax.set(tenant, (turnedAwayMax.get(tenant) ?? 0) + 1);
    if (there.has(id) || isDone(known)) counts.accepted += 1;
  }
  for (const [tenant, counts] of expected) {
    const left = status.outcomes[STREAM]?.[tenant];
    const told: Counts = {
      accepted: status.accepted[STREAM]?.[tenant] ?? 0,
      delivered: left?.delivered ?? 0,
      dead: left?.dead ?? 0,
      dropped: sum(left?.dropped),
      pending: status.pending[STREAM]?.[tenant] ?? 0,
    };
    // What was given up before it was confirmed counts as dropped.
    const moved = model.givesUp ? Math.max(0, counts.delivered - told.delivered) + Math.max(0, counts.dead - told.dead) : 0;
    const isRight = (name: keyof Counts): boolean =>
      moved === 0 || name === "accepted" || name === "pending"
        ? told[name] === counts[name]
        : told[name] === counts[name] + (name === "dropped" ? moved : 0) || (name !== "dropped" && told[name] < counts[name]);
    const isAllRight = (["accepted", "delivered", "dead", "dropped", "pending"] as const).every(isRight);
    must(isAllRight, () => `${tenant} counts ${JSON.stringify(told)}, not ${JSON.stringify(counts)}`);
    const unknown = Object.keys(left?.dropped ?? {}).find((reason) => !REASONS.has(reason));
    must(unknown === undefined, () => `messages of ${tenant} count as dropped: ${unknown}`);
    const turnedAway = sum(status.turnedAway[STREAM]?.[tenant]?.dropped);
    const most = turnedAwayMax.get(tenant) ?? 0;
    must(turnedAway <= most, () => `${turnedAway} messages of ${tenant} count as turned away, and ${most} were`);
  }
}

function checkMemory(model: Model, { log }: Observed, there: ReadonlyMap<string, SpooledMessage>): void {
  for (const [name, values] of model.memory) {
    const value = json(log.memory.get(name));
    must(values.includes(value), () => `${name} is ${value}, and was to be ${values.join(" or ")}`);
  }
  for (const name of log.memory.names()) must(model.memory.has(name), () => `${name} was never set`);
  const isDone = (id: string): boolean => !there.has(id) && (model.known(id).done !== "no" || model.givesUp);
  for (const { given, seen, skips } of model.messages) {
    if (skips === null || seen === null) continue;
    const code = log.skipCode(seen.number);
    // Of one that was given up it stays in force until something is confirmed.
    if (model.givesUp && !there.has(given.id)) continue;
    if (isDone(given.id)) must(code === null, () => `${given.id} is done, and its skip is in force`);
    else must(skips.includes(code), () => `the skip of ${given.id} is ${code}, and was to be ${skips.join(" or ")}`);
  }
  // Whether one that is gone was confirmed or given up, nobody knows who wasn't told.
  for (const lane of model.givesUp ? [] : model.lanes) {
    const told = json(log.lanePosition(lane));
    const due = json(model.positionOf(lane, isDone));
    must(told === due, () => `lane ${lane} stands at ${told}, and stood at ${due}`);
  }
  for (const [lane, below] of model.sentBelow) {
    const told = Math.max(log.sentBelow(lane), log.confirmedSequence);
    must(told >= below, () => `lane ${lane} may have sent up to ${below}, and the log says ${told}`);
  }
}

/** What a start found, for those who go on from there. */
export function startedWith(
  model: Model,
  { log, messages }: Observed,
): { readonly present: readonly Seen[]; readonly memory: ReadonlyMap<string, string> } {
  const present = messages.map(({ eventId, logSequence, sequence }) => ({
    id: eventId.slice("event-".length),
    number: logSequence,
    sequence,
  }));
  const names = [...model.memory.keys()].filter((name) => log.memory.get(name) !== undefined);
  return { present, memory: new Map(names.map((name) => [name, JSON.stringify(log.memory.get(name))])) };
}

function sum(counts: Readonly<Record<string, number>> | undefined): number {
  return Object.values(counts ?? {}).reduce((all, count) => all + count, 0);
}

function json(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}
