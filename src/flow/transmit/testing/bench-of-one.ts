/** Puts a dispatcher together with everything scripted, for tests. */
import assert from "node:assert/strict";
import { Dispatcher, type LastError } from "../dispatcher.ts";
import { MemoryDeadLetters, MemoryLog, spooled } from "./memory-log.ts";
import { ScriptedDestination } from "./scripted-destination.ts";
import { VirtualClock } from "./virtual-clock.ts";

export interface Bench {
  readonly clock: VirtualClock;
  readonly log: MemoryLog;
  readonly deadLetters: MemoryDeadLetters;
  readonly destination: ScriptedDestination;
  readonly dispatcher: Dispatcher;
  /** What was announced, in order. */
  readonly announced: { readonly state: string; readonly lastError: LastError | null }[];
  /** Time passes until every message is confirmed. */
  drained(): Promise<void>;
  /** Stops, and checks that nothing forbidden happened and no timer is left. */
  end(): Promise<void>;
}

export interface BenchSettings {
  readonly lanes?: number;
  readonly inFlightMax?: number;
  readonly maxRate?: number;
  readonly log?: MemoryLog;
  /** Messages put into the log, numbered from 1, all of one key. */
  readonly messageCount?: number;
  readonly random?: () => number;
}

export function bench(settings: BenchSettings = {}): Bench {
  const clock = new VirtualClock();
  const log = settings.log ?? new MemoryLog();
  for (let number = 1; number <= (settings.messageCount ?? 0); number += 1) log.append(spooled(number));
  const deadLetters = new MemoryDeadLetters();
  const destination = new ScriptedDestination(settings.lanes ?? 1);
  const dispatcher = new Dispatcher({
    log,
    deadLetters,
    driver: destination.driver,
    options: {},
    inFlightMax: settings.inFlightMax ?? 1000,
    maxRate: settings.maxRate ?? null,
    clock,
    random: settings.random ?? (() => 1),
  });
  const announced: { state: string; lastError: LastError | null }[] = [];
  dispatcher.onState((state, lastError) => announced.push({ state, lastError }));
  return {
    clock,
    log,
    deadLetters,
    destination,
    dispatcher,
    announced,
    drained: () => clock.until(() => log.unconfirmedCount === 0),
    async end() {
      let stopped = false;
      const stopping = dispatcher.stop(0).then(() => (stopped = true));
      await clock.until(() => stopped, 60_000);
      await stopping;
      assert.deepEqual([...destination.violations, ...log.violations], []);
      assert.equal(clock.timerCount, 0, "timers are left behind");
    },
  };
}
