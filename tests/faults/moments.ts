/**
 * Waits for the moments that faults are aimed at, in what passes the proxies and in what clients are answered.
 *
 * Promise: whoever waits is called at once, before anything that comes after that moment passes; and no longer than a
 * bound, since a moment may not come: then the fault strikes anyway, and that is counted.
 */
import { API, type ApiName, type KafkaRequest, type RequestState } from "../../tools/faults/kafka-requests.ts";
import type { FaultProxy } from "../../tools/faults/proxy.ts";

export interface Sight {
  readonly api: ApiName;
  readonly state: RequestState;
}

interface Aim {
  readonly sees: (request: KafkaRequest) => boolean;
  readonly strike: (proxy: FaultProxy | null) => void;
}

export class Moments {
  readonly #aims = new Set<Aim>();
  readonly #refusalAims = new Set<() => void>();
  #missed = 0;

  /** Moments that didn't come in time. */
  get missedCount(): number {
    return this.#missed;
  }

  /** A request passed a proxy. */
  passed(request: KafkaRequest, proxy: FaultProxy): void {
    for (const aim of this.#aims) if (aim.sees(request)) aim.strike(proxy);
  }

  /** A client was answered for what is too large. */
  acceptedLarge(): void {
    for (const aim of this.#refusalAims) aim();
  }

  /**
   * Settles once a request is in that state, or the time is up.
   *
   * @param strike - Called within the moment; with null when it didn't come.
   */
  async request({ api, state }: Sight, waitMsMax: number, strike: (proxy: FaultProxy | null) => void): Promise<void> {
    const sees = (request: KafkaRequest): boolean => request.state === state && request.apiKey === API[api];
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = (proxy: FaultProxy | null): void => {
      clearTimeout(timer);
      this.#aims.delete(aim);
      if (proxy === null) this.#missed += 1;
      strike(proxy);
      resolve();
    };
    const aim: Aim = { sees, strike: end };
    const timer = setTimeout(() => end(null), waitMsMax);
    this.#aims.add(aim);
    await promise;
  }

  /** Settles once a message that is going to be refused was accepted, or the time is up. */
  async refusal(waitMsMax: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      this.#missed += 1;
      resolve();
    }, waitMsMax);
    this.#refusalAims.add(resolve);
    await promise;
    clearTimeout(timer);
    this.#refusalAims.delete(resolve);
  }
}
