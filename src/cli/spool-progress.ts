/**
 * Tells on standard error how far a command is that reads a lot: a person who watches sees one line that is written over,
 * a log of the command's output gets a plain line every ten seconds.
 *
 * Promise: of a command that is through at once, only a person sees anything, and nothing of it stays.
 */
import type { ReadProgress } from "../flow/spool/log-settings.ts";
import { bytesOfText } from "../observe/bytes-text.ts";
import type { Output } from "./output.ts";

const CLEAR_LINE = "\r\x1b[K";
/** Faster than anybody reads. */
const TERMINAL_EVERY_MS = 200;
const PLAIN_EVERY_MS = 10_000;
/** Before this, what is left can't be told from what was read. */
const ESTIMATE_AFTER_MS = 1_000;

export class ProgressLine {
  readonly #out: Output;
  readonly #now: () => number;
  #what = "";
  /** When this part began. */
  #startMs = 0;
  #nextMs: number;
  #isShown = false;

  constructor(out: Output, now: () => number = () => performance.now()) {
    this.#out = out;
    this.#now = now;
    this.#nextMs = out.isTerminal ? 0 : now() + PLAIN_EVERY_MS;
  }

  /**
   * @param what - The part that is under way: `reading spool/kafka1`. Another one begins anew.
   * @param progress - How far it is; a text where that is no matter of bytes.
   */
  at(what: string, progress: ReadProgress | string): void {
    const nowMs = this.#now();
    const isNew = what !== this.#what;
    if (isNew) {
      this.#what = what;
      this.#startMs = nowMs;
    }
    if (nowMs < this.#nextMs && !(isNew && this.#out.isTerminal)) return;
    this.#nextMs = nowMs + (this.#out.isTerminal ? TERMINAL_EVERY_MS : PLAIN_EVERY_MS);
    const text = what + (typeof progress === "string" ? `: ${progress}` : progressText(progress, nowMs - this.#startMs));
    this.#out.stderr(this.#out.isTerminal ? `${CLEAR_LINE}${text} …` : `${text}\n`);
    this.#isShown = this.#out.isTerminal;
  }

  /** Removes the line that is written over. */
  end(): void {
    if (this.#isShown) this.#out.stderr(CLEAR_LINE);
    this.#isShown = false;
  }
}

function progressText({ bytesRead, bytesTotal }: ReadProgress, elapsedMs: number): string {
  if (bytesTotal === 0) return "";
  const percent = Math.floor((100 * bytesRead) / bytesTotal);
  const left =
    elapsedMs < ESTIMATE_AFTER_MS || bytesRead === 0 ? "" : `, ${timeText((elapsedMs * (bytesTotal - bytesRead)) / bytesRead)} left`;
  return `: ${bytesOfText(bytesRead, bytesTotal)}, ${percent} %${left}`;
}

function timeText(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000);
  if (seconds < 120) return `about ${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 120 ? `about ${minutes} min` : `about ${Math.ceil(minutes / 60)} h`;
}
