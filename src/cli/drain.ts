/**
 * `sidestream drain [DESTINATION]`: waits until what was accepted up to the call is delivered, dead or dropped.
 *
 * Promise: it changes nothing and takes no lock; what comes later isn't waited for. Where nothing can get on without
 * somebody it ends, and says why.
 */
import { setTimeout as pause } from "node:timers/promises";
import { SidestreamError } from "../errors.ts";
import type { Draining } from "../flow/drain-act.ts";
import { holdText } from "../flow/hold.ts";
import { needsSomebody } from "../flow/transmit/dispatcher-status.ts";
import { counted, table, type Output } from "./output.ts";
import { assertDataFolder } from "./data-folder.ts";
import { ProgressLine } from "./spool-progress.ts";
import { askRunning } from "./spool-running.ts";
import { endedMidway } from "./operate-running.ts";

export interface DrainOptions {
  /** Null: all of them. */
  readonly destination: string | null;
  readonly data: string;
  readonly timeoutMs: number;
  readonly json: boolean;
}

/** For tests. */
export interface DrainClock {
  readonly now: () => number;
  readonly wait: (milliseconds: number) => Promise<unknown>;
}

const EXIT_OK = 0;
const EXIT_STUCK = 1;
const EXIT_NOT_YET = 75;
const LOOK_MS = 500;
const ANSWER_MS_MAX = 10_000;
/** Where a lane needs somebody, the others may still get on: nothing does once so much time has passed without any. */
const STILL_MS = 5_000;

const systemClock: DrainClock = { now: () => performance.now(), wait: (milliseconds) => pause(milliseconds) };

/**
 * Waits.
 *
 * @returns Exit status: 0; 1 where something can't get on without somebody; 75 when the time is over.
 * @throws SidestreamError `SST_COMMAND_INVALID` when there is no such destination, `SST_STATUS_UNREACHABLE` when no
 * program runs, or it ended meanwhile; `SST_DATA_MISSING`.
 */
export async function runDrain(options: DrainOptions, out: Output, clock: DrainClock = systemClock): Promise<number> {
  const line = new ProgressLine(out);
  const drain = new Drain(options.timeoutMs, clock);
  try {
    for (;;) {
      const answer = await ask(options, drain.marks);
      if (answer === null && drain.marks === null) throw await noProgram(options.data);
      if (answer === null) throw endedMidway("while it was waited for");
      drain.look(answer);
      if (drain.isOver) break;
      line.at("draining", drain.progress());
      await clock.wait(LOOK_MS);
    }
  } finally {
    line.end();
  }
  out.stdout(options.json ? `${JSON.stringify(drain.forPrograms(), null, 2)}\n` : drain.text());
  return drain.status;
}

async function ask(
  { data, destination }: DrainOptions,
  marks: Readonly<Record<string, number>> | null,
): Promise<readonly Draining[] | null> {
  return (await askRunning(data, "drain", { destination, marks }, ANSWER_MS_MAX)) as readonly Draining[] | null;
}

async function noProgram(data: string): Promise<SidestreamError> {
  await assertDataFolder(data);
  return new SidestreamError("SST_STATUS_UNREACHABLE", `no sidestream runs in ${data}: nothing is delivered, so nothing can be waited for`);
}

interface Standing {
  readonly destination: string;
  readonly left: number;
  readonly startedLeft: number;
  /** When something of it was done last. */
  readonly movedMs: number;
  /** Why nothing more gets on, or what it waits for; null: it gets on. */
  readonly why: string | null;
  readonly isStuck: boolean;
}

/** How far each destination is. */
export class Drain {
  marks: Readonly<Record<string, number>> | null = null;
  readonly #clock: DrainClock;
  readonly #startMs: number;
  readonly #timeoutMs: number;
  #standings: readonly Standing[] = [];

  constructor(timeoutMs: number, clock: DrainClock) {
    this.#clock = clock;
    this.#startMs = clock.now();
    this.#timeoutMs = timeoutMs;
  }

  /** Takes what the program answered. */
  look(answer: readonly Draining[]): void {
    this.marks ??= Object.fromEntries(answer.map(({ destination, mark }) => [destination, mark]));
    const before = new Map(this.#standings.map((standing) => [standing.destination, standing]));
    this.#standings = answer.map((draining) => this.#standingOf(draining, before.get(draining.destination)));
  }

  get isOver(): boolean {
    return this.#isTimeOver || this.#standings.every(({ left, isStuck }) => left === 0 || isStuck);
  }

  get status(): number {
    if (this.#standings.every(({ left }) => left === 0)) return EXIT_OK;
    return this.#standings.some(({ left, isStuck }) => left > 0 && isStuck) ? EXIT_STUCK : EXIT_NOT_YET;
  }

  progress(): string {
    const open = this.#standings.filter(({ left }) => left > 0);
    return open
      .map(({ destination, left, startedLeft, why }) => {
        const perSecond = Math.max(0, Math.round(((startedLeft - left) * 1000) / Math.max(1, this.#clock.now() - this.#startMs)));
        return `${destination}: ${left} left, ${perSecond}/s${why === null ? "" : ` (${why})`}`;
      })
      .join("; ");
  }

  text(): string {
    const rows = this.#standings.map(({ destination, left, why }) => [
      destination,
      left,
      left === 0 ? "drained" : (why ?? "not drained in time"),
    ]);
    const head = table(["destination", "left", "state"], rows);
    const left = this.#standings.reduce((sum, standing) => sum + standing.left, 0);
    if (this.status === EXIT_OK) return `${head}All that was accepted up to the call is delivered, dead or dropped.\n`;
    const waits = `${counted(left, "message")} ${left === 1 ? "waits" : "wait"} in the spool, and nothing of it is lost.`;
    if (this.status === EXIT_STUCK) return `${head}${waits} It doesn't get on without somebody: \`sidestream status\` tells what to do.\n`;
    return `${head}${waits} The time is over: give the command again, or see \`sidestream status\` for what lags.\n`;
  }

  forPrograms(): unknown {
    const destinations = this.#standings.map(({ destination, left, why, isStuck }) => ({
      destination,
      left,
      stuck: left > 0 && isStuck,
      why: left > 0 ? why : null,
    }));
    return { drained: this.status === EXIT_OK, destinations };
  }

  get #isTimeOver(): boolean {
    return this.#clock.now() - this.#startMs >= this.#timeoutMs;
  }

  #standingOf(draining: Draining, before: Standing | undefined): Standing {
    const { destination, left } = draining;
    const nowMs = this.#clock.now();
    const movedMs = before === undefined || left < before.left ? nowMs : before.movedMs;
    const never = neverSent(draining);
    const blocked = never ?? waitsFor(draining);
    const isStuck = never !== null || (needsPerson(draining) && nowMs - movedMs >= STILL_MS);
    return { destination, left, startedLeft: before?.startedLeft ?? left, movedMs, why: blocked, isStuck };
  }
}

/** Why nothing is sent at all; null: it is. */
function neverSent({ held, dormant, state, stopped }: Draining): string | null {
  if (held !== null) return holdText(held);
  if (dormant) return "dormant: nothing is sent to it";
  return state === null ? (stopped ?? "nothing is sent to it") : null;
}

function waitsFor({ state, lastError, blocked, lanesBlocked }: Draining): string | null {
  const [first] = blocked;
  if (first !== undefined) {
    const more = lanesBlocked > 1 ? `, and ${counted(lanesBlocked - 1, "lane")} more` : "";
    return `lane ${first.lane} is blocked: ${first.code}: ${first.message}${more}`;
  }
  return state === "up" || lastError === null ? null : `${state ?? "down"}: ${lastError.code}: ${lastError.message}`;
}

function needsPerson({ state, lastError, blocked }: Draining): boolean {
  return (state === "down" && needsSomebody(lastError)) || blocked.some(({ code, message }) => needsSomebody({ code, message, atMs: 0 }));
}
