/** What an operator can have the running program do to what it holds, by name: each act in a file of its own. */
import { purgeLettersAct, redriveAct } from "./dead-acts.ts";
import { discardMessages } from "./discard-act.ts";
import { lookAtDraining } from "./drain-act.ts";
import { holdDestination } from "./hold-act.ts";
import { purgeEventsAct } from "./purge-events-act.ts";
import { purgeTenantAct } from "./purge-tenant-act.ts";
import { countReplayAct, replayAct } from "./replay-act.ts";
import { resolveLanes } from "./resolve-act.ts";
import type { ActParts } from "./act-parts.ts";

/** @throws SidestreamError `SST_COMMAND_INVALID` for what can't be done; what disks and destinations say. */
type Act = (parts: ActParts, call: never) => Promise<unknown>;

const acts = {
  resolve: resolveLanes,
  redriveLetters: redriveAct,
  purgeLetters: purgeLettersAct,
  hold: holdDestination,
  discard: discardMessages,
  drain: lookAtDraining,
  purgeTenant: purgeTenantAct,
  purgeEvents: purgeEventsAct,
  countReplay: countReplayAct,
  replay: replayAct,
} as const satisfies Record<string, Act>;

export type ActName = keyof typeof acts;

/** The call was checked where it came in, by the schema of its command. */
export const ACTS = acts as Readonly<Record<ActName, (parts: ActParts, call: unknown) => Promise<unknown>>>;

export function isActName(name: string): name is ActName {
  return Object.hasOwn(acts, name);
}
