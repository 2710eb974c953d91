/** Random histories of several lives: each begins with what a crash in the one before it left, or after a kill. */
import { newLog, type Recorded, type Beginning } from "./life.ts";
import type { CrashPoint } from "./explore.ts";
import { isBusy, randomPlan, randomShape } from "./random-steps.ts";
import type { Search } from "./search.ts";

export const LONG_FAMILY = "long";
/** States of the disk that are tried at each operation: most have fewer. */
const STATES_MAX = 12;
const THOROUGH_EVERY = 8;
const LIVES_MAX = 6;

export async function searchLong(search: Search, number: number): Promise<void> {
  const history = search.history(LONG_FAMILY, number);
  const random = history.random("plan");
  const shape = randomShape(random);
  let beginning = newLog(shape);
  for (let life = 1 + random(LIVES_MAX); life > 0 && !search.isOver; life--) {
    const part = `life-${life}`;
    // Only a log that holds nothing yet: what it holds would keep all of that.
    const plan = { ...randomPlan(random), isBusy: beginning.model.count === 0 && isBusy(shape, random) };
    const recorded = await history.live(part, beginning, shape, plan);
    const isKill = random(3) === 0;
    let visited = 0;
    await history.explore(part, recorded, shape, { statesMax: STATES_MAX, thoroughEvery: THOROUGH_EVERY }, (point) => {
      // Each point is as likely as any other to be where the next life begins.
      if (random(++visited) === 0) beginning = isKill ? afterKill(recorded, point) : afterPowerLoss(point);
    });
  }
}

/** The machine comes up again with what its disk had. */
export function afterPowerLoss({ image, model }: CrashPoint): Beginning {
  return { image, journal: [], model: model.clone() };
}

/** The machine went on: what was written is there, and may be lost later. */
export function afterKill({ image, journal }: Recorded, { operation, model }: CrashPoint): Beginning {
  return { image, journal: journal.slice(0, operation), model: model.clone() };
}
