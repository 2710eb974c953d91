/** Brings a fault to its moment: strikes in the midst of it, and leaves what was held held. */
import { setTimeout as sleep } from "node:timers/promises";
import type { FaultProxy } from "../../tools/faults/proxy.ts";
import type { Fault, Moment } from "./plan.ts";
import { FORGOTTEN_MS, type Stage } from "./stage.ts";

/** With traffic a moment comes within milliseconds, after a start within a second or two. */
const AIM_MS_MAX = 4_000;
/** An answer is noted on disk within so long. */
const ANSWER_MS_MAX = 6;
/** A message goes out, is refused, set aside and skipped within so long. */
const REFUSAL_MS_MAX = 60;
/** The program has started after so long. */
const START_MS_MAX = 1_500;
/** Nothing was written since before this. */
const MARGIN_MS = 300;

/** What a fault does; it begins before the call returns. */
export type Hit = () => unknown;

/** Settles once it struck, and what it began is done. */
export async function aim({ moment, after, where }: Pick<Fault, "moment" | "after" | "where">, stage: Stage, hit: Hit): Promise<void> {
  switch (moment) {
    case "request":
      return await holding(stage, "request", hit);
    case "append":
      return await holding(stage, "append", hit);
    case "answer": {
      await stage.moments.request({ api: "produce", state: "answered" }, AIM_MS_MAX, () => undefined);
      await sleep(after * ANSWER_MS_MAX);
      return void (await hit());
    }
    case "refusal": {
      await stage.moments.refusal(AIM_MS_MAX);
      await sleep(after * REFUSAL_MS_MAX);
      return void (await hit());
    }
    case "recovery": {
      await killInDoubt(stage, where);
      const states = ["arrived", "forwarded", "answering", "answered"] as const;
      return await asking(stage, { api: "describeProducers", state: states[Math.floor(after * states.length)] ?? "arrived" }, hit);
    }
    case "read-back": {
      await killInDoubt(stage, where);
      await sleep(FORGOTTEN_MS + MARGIN_MS);
      return await asking(stage, { api: "fetch", state: "arrived" }, hit);
    }
    case "start": {
      await stage.sidestream.kill();
      stage.sidestream.launch();
      await sleep(after * START_MS_MAX);
      return void (await hit());
    }
    case "any":
      return void (await hit());
  }
}

/** Longer than brokers remember, with something in doubt. */
export async function forgetInDoubt(moment: Moment, stage: Stage): Promise<void> {
  await killInDoubt(stage, moment === "request" ? 1 : 0);
  await sleep(FORGOTTEN_MS + MARGIN_MS);
}

/** Everything goes on, and whatever can't is reset. */
export async function heal(stage: Stage): Promise<void> {
  for (const proxy of stage.proxies) await proxy.heal();
}

/** Strikes while a produce request, or the answer to it, is held. */
async function holding({ moments }: Stage, what: "request" | "append", hit: Hit): Promise<void> {
  let done: unknown = null;
  const strike = (proxy: FaultProxy | null): void => {
    if (what === "request") proxy?.holdPresent("to-server");
    else proxy?.hold("to-client");
    done = hit();
  };
  await moments.request({ api: "produce", state: what === "request" ? "arrived" : "answering" }, AIM_MS_MAX, strike);
  await done;
}

/** Killed with something in doubt; nothing of it is left on its way. @param where - From 0.5 on the brokers don't have it. */
async function killInDoubt(stage: Stage, where: number): Promise<void> {
  await holding(stage, where < 0.5 ? "append" : "request", async () => await stage.sidestream.kill());
  for (const proxy of stage.proxies) proxy.cut("both", "reset");
  await heal(stage);
}

/** Starts the program and strikes as it asks. */
async function asking({ moments, sidestream }: Stage, sight: Parameters<Moments["request"]>[0], hit: Hit): Promise<void> {
  let done: unknown = null;
  const seen = moments.request(sight, AIM_MS_MAX, () => (done = hit()));
  sidestream.launch();
  await seen;
  await done;
}

type Moments = Stage["moments"];
