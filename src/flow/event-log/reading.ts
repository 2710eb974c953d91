/**
 * Reads the events that are kept, also while the running program writes and removes their files.
 *
 * Promise: memory is bounded by one event, whatever the log's size. What is no event is counted, never guessed at.
 */
import { join } from "node:path";
import type { ContentLimits } from "../content/content.ts";
import { attributeText } from "../message/attribute-text.ts";
import { eventOfMessage, type ReadBack } from "../message/read-back.ts";
import { eventFiles, eventOperations, EVENTS_FOLDER, orNullWhereMissing } from "./event-files.ts";
import { eventLines, type LinesLeft } from "./event-lines.ts";

/** What was not read. */
export interface EventsLeft extends LinesLeft {
  /** Whole lines that are no event. */
  unreadable: number;
  /** What is wrong with the first of them; empty: none is. */
  reason: string;
}

export function noneLeft(): EventsLeft {
  return { tornBytes: 0, oversized: 0, unreadable: 0, reason: "" };
}

/** The events of one file: of the log, or of messages in structured form, one a line. @throws What the system says. */
export async function* eventsOfFile(path: string, limits: ContentLimits, left: EventsLeft): AsyncGenerator<ReadBack> {
  for await (const line of eventLines(path, left)) {
    if (line.length === 0) continue;
    const event = eventOfMessage({ headers: [], value: line }, { limits, keepsAll: isKeptEvent });
    if (typeof event !== "string") yield event;
    else {
      if (left.unreadable === 0) left.reason = event;
      left.unreadable += 1;
    }
  }
}

/** An event of the log is of no stream, and nothing is left out of it but what is marked. */
export function isKeptEvent(stream: string): boolean {
  return stream === "";
}

/**
 * The events that are kept in a data folder, about in the order in which they came.
 *
 * @param sinceMs - Earlier ones are left out; milliseconds since 1970.
 * @throws What the system says.
 */
export async function* keptEvents(dataFolder: string, sinceMs: number, limits: ContentLimits, left: EventsLeft): AsyncGenerator<ReadBack> {
  for (const { path, newestMs } of await filesOf(dataFolder)) {
    if (newestMs < sinceMs) continue;
    for await (const event of eventsOfFile(path, limits, left)) if (event.event.timeMs >= sinceMs) yield event;
  }
}

export interface FoundEvent {
  /** Like a message of no stream, in structured form. */
  readonly value: Buffer;
  /** For people: where it was found. */
  readonly place: string;
}

/** The newest event of an id that is kept in a data folder. @returns Null where there is none. @throws What the system says. */
export async function findEvent(dataFolder: string, id: string): Promise<FoundEvent | null> {
  const attribute = attributeText(id);
  const sign = Buffer.from(JSON.stringify(attribute));
  for (const { path, name } of (await filesOf(dataFolder)).toReversed()) {
    let found: Buffer | null = null;
    for await (const line of eventLines(path, noneLeft())) if (line.includes(sign) && idOf(line) === attribute) found = line;
    if (found !== null) return { value: found, place: `${EVENTS_FOLDER}/${name}` };
  }
  return null;
}

function idOf(line: Buffer): unknown {
  try {
    const event = JSON.parse(line.toString("utf8")) as { readonly id?: unknown } | null;
    return event?.id;
  } catch {
    return undefined;
  }
}

async function filesOf(
  dataFolder: string,
): Promise<readonly { readonly name: string; readonly path: string; readonly newestMs: number }[]> {
  const folder = join(dataFolder, EVENTS_FOLDER);
  if ((await orNullWhereMissing(eventOperations.list(folder))) === null) return [];
  return (await eventFiles(eventOperations, folder)).map(({ name, newestMs }) => ({ name, newestMs, path: join(folder, name) }));
}
