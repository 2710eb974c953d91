/**
 * One fault run: clients, Sidestream, brokers and a plan of faults; then Kafka's own consumer judges.
 *
 * Promise: it ends, and tells what it saw, also when something couldn't be done.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { KafkaCluster } from "../../tools/kafka/cluster.ts";
import { readTopic } from "../../tools/kafka/console-consumer.ts";
import type { TestHost } from "../system/support/test-host.ts";
import { Clients } from "./clients.ts";
import { Judge, type Judgement } from "./judgement.ts";
import { isLarge, Ledger } from "./ledger.ts";
import { planFaults, type Fault } from "./plan.ts";
import { progressText } from "./report.ts";
import type { Nodes, Size } from "./size.ts";
import { LARGE_BYTES, makeStage, TOPIC, type Delivery, type Stage } from "./stage.ts";
import { strike } from "./strikes.ts";
import type { Outcome } from "./verdict.ts";

export interface RunOptions {
  readonly seed: number;
  readonly nodes: Nodes;
  readonly delivery: Delivery;
  readonly size: Size;
  /** Started `proxied`, with the properties for a fault run. */
  readonly cluster: KafkaCluster;
  readonly host: TestHost;
  /** Where to keep what Sidestream logs, or null. */
  readonly logFile: string | null;
  /** A line of progress, or of a fault. */
  readonly tell: (line: string) => void;
}

const PROGRESS_MS = 15_000;
const DRAIN_LOOK_MS = 500;
const LOOK_MS = 50;
/** On a busy machine faults could follow one another without a message between them: so much of its part comes first. */
const TRAFFIC_BEFORE = 0.8;

/** What a run has done so far. */
interface Done {
  readonly faults: Partial<Record<Fault["kind"], number>>;
  readonly moments: Record<string, number>;
  count: number;
  failure: string | null;
}

/** A run under way. */
interface Under {
  readonly stage: Stage;
  readonly ledger: Ledger;
  readonly done: Done;
}

/** @throws Error when it can't begin. */
export async function faultRun(options: RunOptions): Promise<Outcome> {
  const { seed, nodes, delivery, size, tell } = options;
  const beganMs = performance.now();
  const stage = await makeStage(options);
  const { sidestream, moments } = stage;
  const leftOut = stage.disk === null ? ["full disk: mounting is refused here"] : [];
  const plan = planFaults(seed, stage.disk === null ? { ...size.faults, "full disk": 0 } : size.faults);
  await sidestream.start();
  const ledger = new Ledger();
  const done: Done = { faults: {}, moments: {}, count: 0, failure: null };
  const clients = new Clients({
    port: stage.port,
    ledger,
    rate: size.events / (size.minutes * 60),
    largeBytes: LARGE_BYTES,
    answered: (number) => void (isLarge(number) && moments.acceptedLarge()),
  });
  const progress = setInterval(() => {
    const seconds = (performance.now() - beganMs) / 1000;
    tell(progressText({ seconds, answered: ledger.answeredCount, faults: done.count, of: plan.length }));
  }, PROGRESS_MS);
  try {
    await strikeAll(plan, options, { stage, ledger, done });
    const endsMs = beganMs + size.minutesMax * 60_000;
    while (done.failure === null && ledger.answeredCount < size.events && performance.now() < endsMs) await sleep(LOOK_MS);
    await clients.end();
  } finally {
    clearInterval(progress);
  }
  tell(`all faults are done, ${ledger.answeredCount} requests answered; what is pending is delivered`);
  const end = await endOf(stage, size.drainMsMax);
  return {
    seed,
    nodes,
    delivery,
    size,
    requests: {
      sent: ledger.sentCount,
      answered: ledger.answeredCount,
      largeAnswered: ledger.count({ answered: true, large: true }),
      largeSent: ledger.count({ answered: false, large: true }),
    },
    faults: done.faults,
    moments: done.moments,
    momentsMissed: moments.missedCount,
    kills: sidestream.killCount,
    lives: sidestream.lifeCount,
    recoveries: sidestream.recoveries,
    judgement: await judged(stage, ledger, tell),
    ...end,
    deaths: sidestream.deaths,
    failure: done.failure,
    leftOut,
    warnings: Object.fromEntries(sidestream.warnings),
    seconds: (performance.now() - beganMs) / 1000,
  };
}

/** Each at its time or, where those before took longer, after some traffic. */
async function strikeAll(plan: readonly Fault[], { size, tell }: RunOptions, { stage, ledger, done }: Under): Promise<void> {
  const beganMs = performance.now();
  const runMs = size.minutes * 60_000;
  for (const fault of plan) {
    await sleep(Math.max(0, beganMs + fault.at * runMs - performance.now()));
    const isOver = (): boolean => performance.now() - beganMs > size.minutesMax * 60_000;
    while (ledger.answeredCount < fault.at * size.events * TRAFFIC_BEFORE && !isOver()) await sleep(LOOK_MS);
    if (isOver()) {
      done.failure = `${done.count} of ${plan.length} faults were done in ${size.minutesMax} minutes`;
      return;
    }
    const strikeMs = performance.now();
    try {
      await strike(fault, stage);
    } catch (error) {
      done.failure = `${fault.kind} at ${fault.moment}: ${error instanceof Error ? error.message : String(error)}`;
      return;
    }
    tell(`  ${fault.kind} at ${fault.moment}, ${Math.round(performance.now() - strikeMs)} ms`);
    done.count += 1;
    done.faults[fault.kind] = (done.faults[fault.kind] ?? 0) + 1;
    done.moments[fault.moment] = (done.moments[fault.moment] ?? 0) + 1;
  }
}

/** Waits until nothing is pending, stops the program and looks at its spool. */
async function endOf({ sidestream }: Stage, drainMsMax: number): Promise<Pick<Outcome, "status" | "lanesBlocked" | "fsck">> {
  const endsMs = performance.now() + drainMsMax;
  for (;;) {
    const status = await sidestream.status();
    const lanesBlocked = status?.destinations.reduce((sum, { transmit }) => sum + (transmit?.lanesBlocked ?? 0), 0) ?? 0;
    if ((status?.totals.pending !== 0 || lanesBlocked > 0) && performance.now() < endsMs) {
      await sleep(DRAIN_LOOK_MS);
      continue;
    }
    await sidestream.terminate();
    return { status, lanesBlocked, fsck: await sidestream.fsck() };
  }
}

/** Null when the consumer could not read it all. */
async function judged({ cluster }: Stage, ledger: Ledger, tell: RunOptions["tell"]): Promise<Judgement | null> {
  const judge = new Judge(ledger);
  try {
    await readTopic(cluster, TOPIC, ({ key, value, partition, offset }) => {
      const { data } = JSON.parse(String(value)) as { readonly data: { readonly request: { readonly body: { readonly number: number } } } };
      const { number } = data.request.body;
      judge.read({ key: String(key), number, partition, offset }, isLarge(number));
    });
  } catch (error) {
    tell(error instanceof Error ? error.message : String(error));
    return null;
  }
  return judge.judge();
}
