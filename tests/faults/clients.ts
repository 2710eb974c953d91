/**
 * Clients of the gateway: a steady number of requests a second, whatever the program does. What it couldn't take while it
 * was down they make up for, as fast as it goes.
 *
 * Promise: a key belongs to one client, which sends its next request once it knows how the one before ended: so the
 * numbers of a key rise in the order of sending. None gives up on a request while its connection lives.
 */
import { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { post } from "../system/support/durable-clients.ts";
import { isLarge, type Ledger } from "./ledger.ts";

const CLIENTS = 32;
const KEYS_EACH = 6;
/** Of a body; with its envelope a message is about 1 kB. */
const PADDING_BYTES = 200;
/** While nothing is due. */
const PAUSE_MS = 20;
/** While nobody answers. */
const FAILED_PAUSE_MS = 150;

export interface ClientsOptions {
  readonly port: number;
  readonly ledger: Ledger;
  /** Answers wanted a second. */
  readonly rate: number;
  /** Of the body of a request that is too large for the topic. */
  readonly largeBytes: number;
  /** A request was answered. */
  readonly answered: (number: number) => void;
}

export class Clients {
  readonly #options: ClientsOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  readonly #beganMs = performance.now();
  readonly #running: Promise<unknown>;
  #isOver = false;
  #latestKeys = 0;

  /** They begin at once. */
  constructor(options: ClientsOptions) {
    this.#options = options;
    this.#running = Promise.all(Array.from({ length: CLIENTS }, (_, index) => this.#run(index)));
  }

  /** No new requests; settles once those under way have ended. */
  async end(): Promise<void> {
    this.#isOver = true;
    await this.#running;
    this.#agent.destroy();
  }

  async #run(index: number): Promise<void> {
    const { port, ledger, largeBytes, answered } = this.#options;
    while (!this.#isOver) {
      if (!this.#isDue()) {
        await sleep(PAUSE_MS);
        continue;
      }
      const number = ledger.send();
      const key = index + CLIENTS * (this.#latestKeys++ % KEYS_EACH);
      if (await post(this.#agent, port, key, number, isLarge(number) ? largeBytes : PADDING_BYTES)) {
        ledger.answer(number);
        answered(number);
      } else await sleep(FAILED_PAUSE_MS);
    }
  }

  #isDue(): boolean {
    const { ledger, rate } = this.#options;
    return ledger.answeredCount < ((performance.now() - this.#beganMs) / 1000) * rate;
  }
}
