/**
 * Keeps each event for a while as it was identified, where `keepEvents` says so, so that rules can be tried on it.
 *
 * Promise: what redaction removes doesn't come to this disk: neither what is removed by default nor what any stream
 * names under `redact`. Whatever goes wrong here, the event itself goes on.
 */
import { join } from "node:path";
import type { Log } from "../observe/log.ts";
import { eventFiles, eventOperations, EVENTS_FOLDER, orNullWhereMissing, REWRITING_SUFFIX } from "./event-log/event-files.ts";
import { EventLog, type EventLogState } from "./event-log/event-log.ts";
import { eraseFiles, type EventsErased } from "./event-log/tenant-erasing.ts";
import type { MessageMaker, Prepared, ShapeSettings } from "./message/maker.ts";
import type { FieldPath, FlowSettings } from "./settings.ts";

/** As of a stream that says nothing of bodies, so that its messages and the events are made of the same data. */
const BODY_TYPES = ["json", "text", "form", "multipart", "binary"] as const;

export interface EraseCall {
  readonly tenant: string;
  /** Where the answer before ended; empty at first. */
  readonly after: string;
}

export class KeptEvents {
  readonly #events: EventLog;
  readonly #maker: MessageMaker;
  readonly #shape: ShapeSettings;

  private constructor(events: EventLog, maker: MessageMaker, shape: ShapeSettings) {
    this.#events = events;
    this.#maker = maker;
    this.#shape = shape;
  }

  /** Null: nothing is kept. What was kept before is removed then. */
  static async open(settings: FlowSettings, maker: MessageMaker, log: Log): Promise<KeptEvents | null> {
    const { dataFolder, keepEvents, streams, limits } = settings;
    if (keepEvents === undefined || keepEvents === null) {
      await removeEvents(dataFolder).catch((error: unknown) =>
        log.warn(
          { err: error },
          `events that were kept before are in ${join(dataFolder, EVENTS_FOLDER)} and can't be removed: remove them`,
        ),
      );
      return null;
    }
    const onNotice = (text: string, error?: unknown): void => log.warn(error === undefined ? {} : { err: error }, text);
    const redact = namedBy(streams.map((stream) => stream.redact));
    const shape = { redact, keep: null, body: { bytesMax: limits.messageBytesMax, types: BODY_TYPES } };
    const events = new EventLog({ dataFolder, settings: keepEvents, onNotice });
    // What is too old goes also where no event comes.
    await events.trim();
    return new KeptEvents(events, maker, shape);
  }

  keep(prepared: Prepared): void {
    if (!this.#events.takesOne()) return;
    let line: Buffer;
    try {
      line = this.#maker.makeEvent(prepared, this.#shape);
    } catch (error) {
      // Of an event that no stream wants nothing else is made: it must not end the engine.
      this.#events.unmade(error);
      return;
    }
    this.#events.keep(line);
  }

  giveWay(): Promise<boolean> {
    return this.#events.giveWay();
  }

  erase({ tenant, after }: EraseCall, endMs: number): Promise<EventsErased> {
    return this.#events.erase(tenant, after, endMs);
  }

  state(): EventLogState {
    return this.#events.state();
  }

  close(): Promise<void> {
    return this.#events.close();
  }
}

/** Takes a tenant's events out of what lies in a data folder, where nothing is kept. */
export async function eraseEventsOnDisk(dataFolder: string, { tenant, after }: EraseCall, endMs: number): Promise<EventsErased> {
  const folder = join(dataFolder, EVENTS_FOLDER);
  const operations = eventOperations;
  const names = (await eventNames(dataFolder)).map(({ name }) => name);
  return await eraseFiles({ operations, folder, names, onRewritten: () => undefined }, { tenant, after, endMs });
}

/** The files of events that lie in a data folder, the oldest first. @throws What the system says. */
export async function eventNames(dataFolder: string): ReturnType<typeof eventFiles> {
  const folder = join(dataFolder, EVENTS_FOLDER);
  return (await foundIn(folder)).length === 0 ? [] : await eventFiles(eventOperations, folder);
}

async function removeEvents(dataFolder: string): Promise<void> {
  const folder = join(dataFolder, EVENTS_FOLDER);
  for (const { name } of await eventNames(dataFolder)) await eventOperations.remove(join(folder, name));
  for (const name of await foundIn(folder)) if (name.endsWith(REWRITING_SUFFIX)) await eventOperations.remove(join(folder, name));
}

async function foundIn(folder: string): Promise<readonly string[]> {
  return (await orNullWhereMissing(eventOperations.list(folder))) ?? [];
}

/** Each path once. One list that all share stays as it is, so that the redaction is shared, too. */
function namedBy(lists: readonly (readonly FieldPath[])[]): readonly FieldPath[] {
  const paths = new Map<string, FieldPath>();
  for (const path of lists.flat()) paths.set(JSON.stringify(path), path);
  return [...paths.values()];
}
