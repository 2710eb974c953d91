/** Short histories, each of one thing that the log does, small enough for every state that a crash can leave. */
import type { Action, Step } from "./life.ts";
import type { LogShape } from "./observed.ts";

export interface Script {
  readonly name: string;
  readonly shape: LogShape;
  readonly steps: readonly Step[];
  /** The log is busy before. */
  readonly isBusy?: boolean;
  /** It writes much: states that are tried after each entry of the journal, at most. It isn't run with faults. */
  readonly statesMax?: number;
}

const ROOM = 64 * 1024;
/** Two headers and about one and a half kibibyte of frames. */
const SMALL = { bytesMax: ROOM + 1_000_000, topicsMax: 10, segmentBytesMax: 9_700, numbered: false } as const;
const NUMBERED = { ...SMALL, numbered: true, segmentBytesMax: 11_000 } as const;

const CONFIRM_ALL: Action = { kind: "confirm", every: 1, pick: 0 };
const SEND: Action = { kind: "send" };
const REST: Action = { kind: "rest" };

function append(count: number, bytes: number, topic = 0): Action {
  return { kind: "append", count, bytes, topic, tenant: topic, acknowledging: true };
}

/** Messages whose source is not told, so that the log counts those that it could not keep. */
function unheard(count: number, bytes: number): Action {
  return { ...append(count, bytes), acknowledging: false } as Action;
}

function confirm(every: number, pick = 0): Action {
  return { kind: "confirm", every, pick };
}

function set(name: number, bytes: number | null): Action {
  return { kind: "set", name, bytes };
}

/** One message of each topic and tenant. */
const EVERY_TOPIC: readonly Action[] = Array.from({ length: 9 }, (_, topic) => append(1, 10, topic));

export const SCRIPTS: readonly Script[] = [
  { name: "the first message of a new log", shape: SMALL, steps: [[append(1, 40)]] },
  { name: "one commit after the other", shape: SMALL, steps: [[append(1, 40)], [append(2, 10, 1)], [append(1, 300)], [append(1, 0)]] },
  {
    name: "messages that share a commit",
    shape: SMALL,
    steps: [
      [append(1, 40), append(2, 10, 1), unheard(1, 20)],
      [append(1, 100), append(1, 20, 1), append(1, 0, 2)],
    ],
  },
  { name: "from one segment to the next", shape: SMALL, steps: [[append(2, 300)], [append(1, 500)], [append(1, 40, 1)], [append(1, 700)]] },
  {
    name: "done segments are freed",
    shape: SMALL,
    steps: [[append(1, 900)], [append(1, 900, 1)], [CONFIRM_ALL], [append(1, 900)], [CONFIRM_ALL], [REST], [append(1, 40)]],
  },
  {
    name: "files of done segments are used again",
    shape: { ...SMALL, bytesMax: 4_000_000 },
    isBusy: true,
    steps: [
      [append(2, 700)],
      [append(1, 900, 1)],
      [CONFIRM_ALL],
      [append(2, 700)],
      [CONFIRM_ALL, append(1, 40)],
      [append(2, 900)],
      [append(1, 10)],
    ],
  },
  {
    name: "confirmed out of order",
    shape: SMALL,
    steps: [[append(4, 10)], [confirm(2, 1)], [append(2, 10, 1)], [confirm(2, 0)], [confirm(3, 2)], [CONFIRM_ALL]],
  },
  {
    name: "confirmed while messages come",
    shape: SMALL,
    steps: [
      [append(2, 300)],
      [confirm(2, 0), append(1, 500)],
      [CONFIRM_ALL, append(1, 500, 1), confirm(2, 1)],
      [CONFIRM_ALL, append(1, 900)],
    ],
  },
  {
    name: "a cursor of several sectors",
    shape: SMALL,
    steps: [EVERY_TOPIC, [CONFIRM_ALL], EVERY_TOPIC, [confirm(2, 1)], [CONFIRM_ALL, append(1, 10)], [CONFIRM_ALL]],
  },
  {
    name: "what may be sent is on disk first",
    shape: SMALL,
    steps: [[append(2, 40)], [SEND], [append(1, 40, 1)], [SEND, append(1, 40)], [CONFIRM_ALL], [append(1, 40)], [SEND]],
  },
  {
    name: "control records",
    shape: NUMBERED,
    steps: [[set(0, 10)], [set(1, 0), append(1, 40)], [set(0, 40)], [set(1, null)], [set(0, 900)], [set(2, 900)], [set(0, null)]],
  },
  {
    name: "skipped messages",
    shape: NUMBERED,
    steps: [[append(3, 40)], [{ kind: "skip" }], [confirm(3, 0)], [{ kind: "skip" }, append(1, 900)], [append(1, 900)], [CONFIRM_ALL]],
  },
  {
    name: "ends and starts",
    shape: NUMBERED,
    steps: [[append(1, 40)], "reopen", [append(1, 900), set(0, 10)], [CONFIRM_ALL], "reopen", [append(2, 900)], "reopen", [CONFIRM_ALL]],
  },
  {
    name: "a full log",
    shape: { ...SMALL, bytesMax: ROOM + 21_000 },
    steps: [
      [append(1, 900)],
      [append(2, 900)],
      [unheard(1, 900)],
      [append(2, 900, 1)],
      [CONFIRM_ALL],
      [append(1, 900)],
      [CONFIRM_ALL],
      [append(1, 9)],
    ],
  },
  {
    name: "a file is made ahead",
    statesMax: 3,
    shape: { ...SMALL, bytesMax: 8_000_000 },
    steps: [[append(1, 1_060_000)], [append(1, 40)], [REST], [append(1, 1_800)], [CONFIRM_ALL], [append(1, 1_800, 1)], [append(1, 10)]],
  },
  {
    name: "segments that a message holds up are rewritten",
    shape: { ...NUMBERED, parkBytes: 9_000 },
    steps: [
      [append(3, 40), set(0, 10)],
      [append(2, 1_500, 1)],
      [append(2, 1_500, 1)],
      [confirm(2, 1)],
      [REST, append(2, 1_500, 1)],
      [confirm(3, 2)],
      [REST],
      [confirm(2, 1), append(1, 10)],
      [REST],
      [CONFIRM_ALL],
    ],
  },
  {
    name: "the oldest messages give way",
    shape: { ...SMALL, bytesMax: ROOM + 45_000, whenFull: "drop-oldest" },
    steps: [
      [append(2, 900)],
      [append(2, 900, 1)],
      [append(2, 900)],
      [REST],
      [append(2, 900), confirm(2, 1)],
      [append(1, 900)],
      [REST],
      [append(1, 40, 1)],
    ],
  },
  {
    name: "a tenant has its share",
    shape: { ...SMALL, bytesMax: ROOM + 30_000, tenantShare: 0.1 },
    steps: [[append(4, 900)], [append(4, 900)], [append(4, 900)], [append(2, 900, 1)], [append(3, 900)], [CONFIRM_ALL], [append(1, 900)]],
  },
];

/** What a program does after any of them. */
export const AFTERWARDS: readonly Step[] = [
  [append(1, 40), confirm(2, 0)],
  [append(1, 900, 1)],
  [SEND, unheard(1, 500)],
  [CONFIRM_ALL],
  [append(1, 10)],
];
