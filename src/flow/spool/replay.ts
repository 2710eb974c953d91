/**
 * Has messages that are done sent once more: counts them, and appends them behind what is live.
 *
 * Promise: read only where they come from. What is appended is as it was, less its place in the order, and says so in a
 * protocol header; it counts under a label of its own, and is never replayed again. It is appended no faster than asked
 * for, and fills a log up to half at most, up to where nobody's messages are turned away for it.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Message } from "../message/message.ts";
import { REPLAY_HEADER } from "../message/sent-again.ts";
import { isReplayed, replayLabel, streamOfLabel } from "../message/stream-label.ts";
import type { DestinationLog } from "./destination-log.ts";
import type { LogHistory } from "./log-history.ts";
import { messagePayloadBytesMax } from "./message-codec.ts";
import { isWithoutRoom, RoomUpToHalf, waitForRoom } from "./room-up-to-half.ts";
import type { Segment } from "./segment.ts";
import type { SpooledMessage } from "./spooled.ts";

/** Appended and synced together. */
const CHUNK_MESSAGES_MAX = 500;
const CHUNK_BYTES_MAX = 4 * 1024 * 1024;
/** So many chunks a second, where the rate allows it. */
const CHUNKS_PER_SECOND = 10;
/** Rows of one count; what comes beyond is counted without its tenant and topic. */
const ROWS_MAX = 1_000;

/** Which messages are meant; null: all. */
export interface ReplayFilter {
  /** When it was accepted, milliseconds since 1970: from inclusive, to exclusive. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
  readonly stream: string | null;
  readonly tenant: string | null;
  /** Place of the rule in its descriptor, from 1. */
  readonly rule: number | null;
  readonly eventId: string | null;
}

/** Numbers of the log, so that the next call goes on where this one ended. */
export interface ReplaySpan {
  readonly next: number;
  /** What came at or above it is none of the replay's. Null: what is there by now. */
  readonly end: number | null;
}

export interface ReadSettings {
  readonly history: LogHistory;
  readonly filter: ReplayFilter;
  readonly span: ReplaySpan;
  /** Milliseconds after which no more is begun. */
  readonly waitMsMax: number;
  readonly signal: AbortSignal;
}

export interface ReplaySettings extends ReadSettings {
  readonly into: Pick<DestinationLog, "append" | "flush" | "roomBytes" | "status">;
  /** Null: as each message had it. */
  readonly topic: string | null;
  readonly id: string;
  /** Messages per second. */
  readonly rate: number;
}

export interface ReplayRow {
  readonly stream: string;
  readonly tenant: string;
  readonly topic: string;
  messages: number;
  bytes: number;
}

export interface ReplayCount {
  readonly rows: readonly ReplayRow[];
  /** `more`: the time was over. */
  readonly state: "done" | "more";
  readonly span: ReplaySpan & { readonly end: number };
}

export interface Replayed {
  readonly appended: number;
  /** `more`: the time was over. `full`: the log has no room for the next. */
  readonly state: "done" | "more" | "full";
  readonly span: ReplaySpan & { readonly end: number };
}

/** Counts by stream, tenant and topic. @throws SidestreamError what the disk says. */
export async function countReplay({ history, filter, span, waitMsMax, signal }: ReadSettings): Promise<ReplayCount> {
  const endMs = performance.now() + waitMsMax;
  const end = span.end ?? history.end;
  const rows = new Map<string, ReplayRow>();
  for await (const { messages, nextSequence } of history.read(span.next, end, (segment) => mayHold(segment, filter))) {
    for (const message of messages) if (isMeant(message, filter)) count(rows, message);
    if (signal.aborted || performance.now() >= endMs) return { rows: [...rows.values()], state: "more", span: { next: nextSequence, end } };
  }
  return { rows: [...rows.values()], state: "done", span: { next: end, end } };
}

/**
 * Appends what is meant, in its order, as far as time and room allow.
 *
 * @throws SidestreamError what the logs say; what was appended before stays so.
 */
export async function replayMessages(settings: ReplaySettings): Promise<Replayed> {
  return await new Replay(settings).run();
}

class Replay {
  readonly #settings: ReplaySettings;
  readonly #room: RoomUpToHalf;
  readonly #end: number;
  readonly #endMs: number;
  readonly #chunkMax: number;
  /** Below it, all is through. */
  #next: number;
  #appended = 0;

  constructor(settings: ReplaySettings) {
    const { span, history, into, waitMsMax, rate } = settings;
    this.#settings = settings;
    this.#room = new RoomUpToHalf(into);
    this.#next = span.next;
    this.#end = span.end ?? history.end;
    this.#endMs = performance.now() + waitMsMax;
    this.#chunkMax = Math.min(CHUNK_MESSAGES_MAX, Math.max(1, Math.floor(rate / CHUNKS_PER_SECOND)));
  }

  async run(): Promise<Replayed> {
    const { history, filter } = this.#settings;
    for await (const { messages, nextSequence } of history.read(this.#next, this.#end, (segment) => mayHold(segment, filter))) {
      const meant = messages.filter((message) => isMeant(message, filter));
      for (let from = 0; from < meant.length;) {
        if (this.#isOver) return this.#result("more");
        const taken = await this.#append(meant, from);
        from += taken;
        const last = meant[from - 1];
        if (taken > 0 && last !== undefined) this.#next = last.logSequence + 1;
        else if (!(await this.#waitForRoom())) return this.#result(this.#appended > 0 ? "more" : "full");
      }
      this.#next = nextSequence;
      if (this.#isOver) return this.#result("more");
    }
    this.#next = this.#end;
    return this.#result("done");
  }

  get #isOver(): boolean {
    return this.#settings.signal.aborted || performance.now() >= this.#endMs;
  }

  /** @returns How many it were, once they are on disk; 0 without room. */
  async #append(messages: readonly SpooledMessage[], from: number): Promise<number> {
    const { into, rate, signal } = this.#settings;
    const chunk: Message[] = [];
    let bytes = 0;
    for (const message of messages.slice(from, from + this.#chunkMax)) {
      const again = this.#again(message);
      if ((chunk.length > 0 && bytes > CHUNK_BYTES_MAX) || !this.#room.has(again, bytes)) break;
      chunk.push(again);
      bytes += messagePayloadBytesMax(again);
    }
    let taken = 0;
    for (const message of chunk) {
      try {
        into.append(message, true);
        taken += 1;
      } catch (error) {
        // What was taken before is replayed all the same; whatever comes next meets the error first.
        if (taken > 0 || isWithoutRoom(error)) break;
        throw error;
      }
    }
    if (taken === 0) return 0;
    await into.flush();
    this.#appended += taken;
    await pause((taken * 1_000) / rate, undefined, { signal }).catch(() => undefined);
    return taken;
  }

  #again(message: SpooledMessage): Message {
    const { topic, id } = this.#settings;
    const headers = message.headers.filter(([name]) => name !== REPLAY_HEADER);
    return {
      ...message,
      stream: replayLabel(message.stream),
      topic: topic ?? message.topic,
      headers: [...headers, [REPLAY_HEADER, id]],
    };
  }

  /** @returns False when no time is left to wait for it. */
  async #waitForRoom(): Promise<boolean> {
    await waitForRoom(this.#settings.signal);
    return !this.#isOver;
  }

  #result(state: Replayed["state"]): Replayed {
    return { appended: this.#appended, state, span: { next: this.#next, end: this.#end } };
  }
}

/** By the times of its messages, as far as they are known. */
function mayHold({ oldestMs, newestMs, sealed }: Segment, { fromMs, toMs }: ReplayFilter): boolean {
  if (!sealed) return true;
  return newestMs >= (fromMs ?? -Infinity) && oldestMs < (toMs ?? Infinity);
}

function isMeant(message: SpooledMessage, { fromMs, toMs, stream, tenant, rule, eventId }: ReplayFilter): boolean {
  if (isReplayed(message.stream)) return false;
  if (message.acceptedMs < (fromMs ?? -Infinity) || message.acceptedMs >= (toMs ?? Infinity)) return false;
  if (stream !== null && streamOfLabel(message.stream) !== stream) return false;
  if (tenant !== null && message.tenant !== tenant) return false;
  return (rule === null || message.rule === rule) && (eventId === null || message.eventId === eventId);
}

function count(rows: Map<string, ReplayRow>, message: SpooledMessage): void {
  const stream = streamOfLabel(message.stream);
  let { tenant, topic } = message;
  let key = JSON.stringify([stream, tenant, topic]);
  if (!rows.has(key) && rows.size >= ROWS_MAX) {
    [tenant, topic] = ["(others)", "(others)"];
    key = JSON.stringify([stream, tenant, topic]);
  }
  const row = rows.get(key) ?? { stream, tenant, topic, messages: 0, bytes: 0 };
  row.messages += 1;
  row.bytes += message.value.length;
  rows.set(key, row);
}
