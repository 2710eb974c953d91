/** The room that an operator's act may fill in a destination's log: up to half, where nobody's messages are turned away for it. */
import { setTimeout as pause } from "node:timers/promises";
import { isSidestreamError, type ErrorCode } from "../../errors.ts";
import type { Message } from "../message/message.ts";
import type { DestinationLog } from "./destination-log.ts";
import { messagePayloadBytesMax } from "./message-codec.ts";

/** Up to here neither a full log nor a tenant's share turns anything away. */
const FILLED_SHARE_MAX = 0.5;
/** What an append says that has no room. */
const NO_ROOM: ReadonlySet<ErrorCode> = new Set(["SST_SPOOL_FULL", "SST_TENANT_SHARE"]);
/** How often it is looked whether the destination has taken something. */
const ROOM_LOOK_MS = 100;

export class RoomUpToHalf {
  readonly #log: Pick<DestinationLog, "roomBytes" | "status">;
  readonly #filledBytesMax: number;

  constructor(log: Pick<DestinationLog, "roomBytes" | "status">) {
    this.#log = log;
    this.#filledBytesMax = log.status().bytesMax * FILLED_SHARE_MAX;
  }

  /** @param bytes - What is to be appended before it. */
  has(message: Message, bytes = 0): boolean {
    return this.#log.roomBytes - this.#filledBytesMax - bytes >= messagePayloadBytesMax(message);
  }
}

export function isWithoutRoom(error: unknown): boolean {
  return isSidestreamError(error) && NO_ROOM.has(error.code);
}

/** A moment; whoever asks next sees whether the signal ended it. */
export async function waitForRoom(signal: AbortSignal): Promise<void> {
  await pause(ROOM_LOOK_MS, undefined, { signal }).catch(() => undefined);
}
