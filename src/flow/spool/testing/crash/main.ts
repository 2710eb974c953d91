/**
 * `npm run crash`: random histories of the spool and crashes in them, until the time is up, on every core.
 *
 * Promise: exit 0 when no promise was found broken, 1 when one was, 2 when it was called wrongly. What it tells of a
 * violation repeats exactly that one.
 */
import { randomInt } from "node:crypto";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { FAMILIES, searchPlace } from "./families.ts";
import { placeOf, placeText, type Place } from "./place.ts";
import { outcomeJson, outcomeText, progressText, violationText, type Outcome, type TellableViolation } from "./report.ts";
import { Search, type Tally } from "./search.ts";
import { tellable, work, type WorkerMessage, type WorkerTask } from "./worker.ts";

const USAGE = `npm run crash -- [--seed S] [--minutes M] [--points N] [--threads N] [--families a,b] [--violations N] [--json]
npm run crash -- --at PLACE

--seed S        the same seed gives the same histories; absent: a random one, which is told
--minutes M     how long to search (1)
--points N      end after so many points per thread
--threads N     how many threads search (one per core); 0: none beside the program's own
--families a,b  of ${FAMILIES.map(({ name }) => name).join(", ")}
--violations N  end after so many violations in a thread (10)
--json          the result as JSON
--at PLACE      go to the place that a violation told, and to no other
`;

const PROGRESS_TERMINAL_MS = 1_000;
const PROGRESS_MS = 30_000;

interface Options {
  readonly seed: number;
  readonly minutes: number;
  readonly points: number;
  readonly threads: number;
  readonly families: readonly string[];
  readonly violations: number;
  readonly json: boolean;
  readonly at: Place | null;
}

/** @returns What is wrong, as a text. */
function optionsOf(parameters: readonly string[]): Options | string {
  const text = { type: "string" } as const;
  const options = {
    seed: text,
    minutes: text,
    points: text,
    threads: text,
    families: text,
    violations: text,
    at: text,
    json: { type: "boolean" },
  } as const;
  try {
    const { values } = parseArgs({ args: [...parameters], options });
    const whole = (name: "seed" | "points" | "threads" | "violations", otherwise: number): number => {
      const number = values[name] === undefined ? otherwise : Number(values[name]);
      if (number !== Infinity && !(Number.isSafeInteger(number) && number >= 0)) throw new RangeError(`--${name} wants a whole number`);
      return number;
    };
    const minutes = values.minutes === undefined ? 1 : Number(values.minutes);
    if (!(minutes > 0)) throw new RangeError("--minutes wants a number above 0");
    const families = values.families?.split(",") ?? FAMILIES.map(({ name }) => name);
    const unknown = families.find((each) => !FAMILIES.some(({ name }) => name === each));
    if (unknown !== undefined) throw new RangeError(`there is no family ${unknown}`);
    const at = values.at === undefined ? null : placeOf(values.at);
    if (values.at !== undefined && at === null) throw new RangeError("--at wants a place as a violation tells it");
    return {
      seed: whole("seed", randomInt(1, 1_000_000)),
      points: whole("points", Infinity),
      threads: whole("threads", availableParallelism()),
      violations: whole("violations", 10),
      minutes,
      families,
      json: values.json === true,
      at,
    };
  } catch (error) {
    return (error as Error).message;
  }
}

async function main(parameters: readonly string[]): Promise<number> {
  const options = optionsOf(parameters);
  if (typeof options === "string") {
    process.stderr.write(`${options}\n\n${USAGE}`);
    return 2;
  }
  if (options.at !== null) return goTo(options.at);
  process.stderr.write(`seed ${options.seed}\n`);
  const outcome = await searchAll(options);
  process.stdout.write(options.json ? outcomeJson(outcome) : outcomeText(outcome));
  return outcome.violations.length > 0 ? 1 : 0;
}

async function goTo(place: Place): Promise<number> {
  const search = new Search(place.seed, () => false, place);
  const found = await searchPlace(search);
  if (found === null) {
    process.stdout.write(`nothing is wrong at ${placeText(place)}\n`);
    return 0;
  }
  process.stdout.write(violationText(tellable(found)));
  return 1;
}

async function searchAll(options: Options): Promise<Outcome> {
  const beganMs = Date.now();
  const threads = Math.max(1, options.threads);
  const told = new Map<number, ReadonlyMap<string, Tally>>();
  const violations: TellableViolation[] = [];
  const outcome = (): Outcome => ({
    seed: options.seed,
    seconds: (Date.now() - beganMs) / 1_000,
    tallies: joined([...told.values()]),
    violations,
  });
  const hear = (part: number, message: WorkerMessage): void => {
    if (message.kind === "progress") return void told.set(part, message.tallies);
    violations.push(message.violation);
    process.stderr.write(violationText(message.violation));
  };
  const isTerminal = process.stderr.isTTY;
  const progress = setInterval(
    () => process.stderr.write(isTerminal ? `\r\u001B[2K${progressText(outcome())}` : `${progressText(outcome())}\n`),
    isTerminal ? PROGRESS_TERMINAL_MS : PROGRESS_MS,
  );
  const tasks = Array.from({ length: threads }, (_, part): WorkerTask => ({
    seed: options.seed,
    part,
    of: threads,
    endsMs: beganMs + options.minutes * 60_000,
    pointsMax: options.points,
    violationsMax: options.violations,
    families: options.families,
  }));
  try {
    if (options.threads === 0) for (const task of tasks) await work(task, (message) => hear(task.part, message));
    else await Promise.all(tasks.map((task) => inThread(task, (message) => hear(task.part, message))));
  } finally {
    clearInterval(progress);
    if (isTerminal) process.stderr.write("\r\u001B[2K");
  }
  return outcome();
}

function inThread(task: WorkerTask, hear: (message: WorkerMessage) => void): Promise<void> {
  const worker = new Worker(new URL("worker.ts", import.meta.url), { workerData: task });
  return new Promise((resolve, reject) => {
    worker.on("message", hear);
    worker.once("error", reject);
    worker.once("exit", () => resolve());
  });
}

function joined(all: readonly ReadonlyMap<string, Tally>[]): ReadonlyMap<string, Tally> {
  const sums = new Map<string, Tally>();
  for (const tallies of all) {
    for (const [family, { histories, points, starts }] of tallies) {
      const known = sums.get(family) ?? { histories: 0, points: 0, starts: 0 };
      sums.set(family, { histories: known.histories + histories, points: known.points + points, starts: known.starts + starts });
    }
  }
  return sums;
}

process.exitCode = await main(process.argv.slice(2));
