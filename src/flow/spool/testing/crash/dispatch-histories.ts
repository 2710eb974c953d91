/** Histories in which the real dispatcher sends: whatever the log counts as delivered, the destination has. */
import { dirname } from "node:path";
import { NumberedDestination } from "../../../transmit/testing/numbered-destination.ts";
import { VirtualClock } from "../../../transmit/testing/virtual-clock.ts";
import type { CrashPoint } from "./explore.ts";
import { DispatchLife, type World } from "./dispatch-life.ts";
import { newLog, type Beginning, type Recorded } from "./life.ts";
import { afterKill, afterPowerLoss } from "./long-histories.ts";
import { DEAD_FOLDER, type LogShape } from "./observed.ts";
import type { HistorySearch, Search } from "./search.ts";
import { must } from "./violation.ts";

export const DISPATCH_FAMILY = "dispatch";
const STATES_MAX = 8;
const THOROUGH_EVERY = 16;
const LIVES_MAX = 4;

export async function searchDispatch(search: Search, number: number): Promise<void> {
  const history = search.history(DISPATCH_FAMILY, number);
  const random = history.random("plan");
  const isNumbered = random(2) === 0;
  const clock = new VirtualClock();
  const world: World = { clock, numbered: isNumbered ? new NumberedDestination(clock) : null, arrived: [], keys: new Map() };
  const shape: LogShape = { bytesMax: 4_000_000, topicsMax: 10, segmentBytesMax: 9_500 + random(6_000), numbered: isNumbered };
  let beginning = newLog(shape);
  for (let lives = 1 + random(LIVES_MAX); lives > 0 && !search.isOver; lives--) {
    const last: CrashPoint[] = [];
    const part = `life-${lives}`;
    const recorded = await live(history, part, beginning, shape, world, 3 + random(10), false);
    const settings = { statesMax: STATES_MAX, thoroughEvery: THOROUGH_EVERY, memory: false, alsoCheck: checkLetters };
    await history.explore(part, recorded, shape, settings, (point) => {
      // The destination is as it was at the end: the next life begins with a crash then.
      if (point.operation === recorded.journal.length) last.push({ ...point, model: point.model.clone() });
    });
    const end = last[random(Math.max(1, last.length))];
    if (end === undefined) return;
    beginning = random(2) === 0 ? afterKill(recorded, end) : afterPowerLoss(end);
  }
  if (search.isOver) return;
  await live(history, "end", beginning, shape, world, 1, true);
  try {
    checkArrived(world);
  } catch (error) {
    throw history.found("end", null, "", error);
  }
}

async function live(
  history: HistorySearch,
  part: string,
  beginning: Beginning,
  shape: LogShape,
  world: World,
  rounds: number,
  drains: boolean,
): Promise<Recorded> {
  history.tally.histories += 1;
  try {
    return await new DispatchLife(beginning, shape, world, history.random(part, "life")).run(rounds, drains);
  } catch (error) {
    throw history.found(part, null, "", error);
  }
}

/** A message that was set aside is on disk among the dead letters before the log has it as done. */
function checkLetters({ image, model }: CrashPoint): void {
  const letters = [...image.files].filter(([path]) => dirname(path) === DEAD_FOLDER).map(([, bytes]) => bytes.toString("latin1"));
  for (const { given, how } of model.messages) {
    if (how?.outcome !== "dead") continue;
    const text = new RegExp(`event-${given.id}(?!\\d)`, "u");
    must(
      letters.some((each) => text.test(each)),
      () => `${given.id} was set aside, and is in no dead letter`,
    );
  }
}

function checkArrived({ arrived, keys, numbered }: World): void {
  const first = [...new Set(arrived)];
  if (numbered !== null) {
    must(numbered.violations.length === 0, () => numbered.violations.join());
    must(first.length === arrived.length, () => `arrived twice: ${arrived.filter((id, at) => arrived.indexOf(id) !== at).join()}`);
  }
  for (const key of new Set(keys.values())) {
    const ids = first.filter((id) => keys.get(id) === key).map((id) => Number(id.slice(1)));
    must(
      ids.every((id, at) => at === 0 || id > (ids[at - 1] ?? 0)),
      () => `messages of ${key} arrived as ${ids.join()}`,
    );
  }
}
