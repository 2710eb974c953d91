/**
 * Tells an operator how far the recovery of a log is, where it takes long enough for somebody to wonder.
 *
 * Promise: nothing is told of a recovery that is through in two seconds; then a line every five.
 */
import { bytesOfText } from "../observe/bytes-text.ts";
import type { Log } from "../observe/log.ts";
import type { ReadProgress } from "./spool/log-settings.ts";

const FIRST_MS = 2_000;
const REPEAT_MS = 5_000;

export class RecoveryNotices {
  readonly #log: Pick<Log, "info">;
  readonly #now: () => number;
  #destination = "";
  #nextMs = 0;

  constructor(log: Pick<Log, "info">, now: () => number = () => performance.now()) {
    this.#log = log;
    this.#now = now;
  }

  /** Logs are recovered one after the other. */
  read(destination: string, { bytesRead, bytesTotal }: ReadProgress): void {
    const nowMs = this.#now();
    if (destination !== this.#destination) {
      this.#destination = destination;
      this.#nextMs = nowMs + FIRST_MS;
    }
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + REPEAT_MS;
    this.#log.info({ destination, bytesRead, bytesTotal }, `recovering ${destination}: ${bytesOfText(bytesRead, bytesTotal)} read`);
  }
}
