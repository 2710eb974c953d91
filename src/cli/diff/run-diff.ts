/** `sidestream diff`: what would change on past traffic, had other rules been in force. */
import { stat } from "node:fs/promises";
import { valueAt } from "../../config/check.ts";
import { Findings } from "../../config/finding.ts";
import { loadConfiguration } from "../../config/load.ts";
import type { Environment } from "../../config/secrets.ts";
import { readYaml } from "../../config/yaml.ts";
import { SidestreamError } from "../../errors.ts";
import { RuleDiff } from "../../flow/rule-diff.ts";
import type { DrySettings } from "../../flow/dry-run.ts";
import { eventsOfFile, keptEvents, noneLeft, type EventsLeft } from "../../flow/event-log/reading.ts";
import { didYouMean } from "../../flow/match/suggest.ts";
import { ContentValues } from "../../flow/content/pointers.ts";
import type { ReadBack } from "../../flow/message/read-back.ts";
import { shownAttributes } from "../../flow/message/shown.ts";
import type { FieldPath } from "../../flow/settings.ts";
import { assertDataFolder } from "../data-folder.ts";
import { descriptorSettings } from "../descriptor-settings.ts";
import { subjectOf } from "../explain/explain.ts";
import { counted, type Output } from "../output.ts";
import { ProgressLine } from "../spool-progress.ts";
import { isSame, reportJson, reportText, type Report } from "./report.ts";
import { Tally, type Shown } from "./tally.ts";

const EXIT_SAME = 0;
const EXIT_DIFFERENT = 1;
/** Between two looks at the clock for the progress line. */
const PROGRESS_EVENTS = 100;

export interface DiffOptions {
  /** A descriptor or a configuration each. */
  readonly before: string;
  readonly after: string;
  /** Data folder; null: that of the configuration. */
  readonly data: string | null;
  /** File of events, instead of a data folder. */
  readonly events: string | null;
  /** Milliseconds since 1970; null: all that is there. */
  readonly sinceMs: number | null;
  /** Null: each. */
  readonly stream: string | null;
  readonly env: string | null;
  readonly wider: boolean;
  readonly json: boolean;
  readonly environment: Environment;
}

interface SideSettings {
  readonly settings: DrySettings;
  /** Null: a descriptor names none. */
  readonly dataFolder: string | null;
}

/**
 * @returns Exit status: 0 when nothing would change, 1 when something would.
 * @throws ConfigurationError; SidestreamError `SST_COMMAND_INVALID` where there are no events to look at,
 * `SST_DATA_MISSING`, what the disk says.
 */
export async function runDiff(options: DiffOptions, out: Output): Promise<number> {
  const [before, after] = [await sideOf(options.before, options), await sideOf(options.after, options)];
  const settings = { before: only(before.settings, options, after.settings), after: only(after.settings, options, before.settings) };
  const diff = new RuleDiff(settings.before, settings.after, { wider: options.wider });
  const left = noneLeft();
  const place = await eventsFrom(options, after.dataFolder ?? before.dataFolder, after.settings, left);
  const tally = new Tally(diff.differing, diff.publishing);
  await lookAtAll(place, { diff, tally, after: settings.after }, new ProgressLine(out));
  if (tally.events === 0) throw noEvents(place.shown, left);
  const report: Report = {
    place: place.shown,
    before: options.before,
    after: options.after,
    rules: settings.after,
    alike: diff.alike,
    tally,
    left,
  };
  out.stdout(options.json ? reportJson(report) : reportText(report));
  return isSame(tally) ? EXIT_SAME : EXIT_DIFFERENT;
}

async function sideOf(file: string, { env, environment }: DiffOptions): Promise<SideSettings> {
  const findings = new Findings();
  const document = await readYaml(file, findings);
  findings.throwErrors();
  if (valueAt(document?.value, ["stream"]) !== undefined)
    return { settings: await descriptorSettings([file], env, "diff"), dataFolder: null };
  const { settings } = await loadConfiguration(file, { environment });
  return { settings: { ...settings, env: env ?? settings.env }, dataFolder: settings.dataFolder };
}

/** A stream may be on one side alone: then all of its messages come or go. */
function only(settings: DrySettings, { stream: id }: DiffOptions, other: DrySettings): DrySettings {
  if (id === null) return settings;
  const ids = [...settings.streams, ...other.streams].map((stream) => stream.id);
  if (!ids.includes(id)) throw invalid(`there is no stream "${id.slice(0, 100)}" on either side${didYouMean(id, ids)}`);
  return { ...settings, streams: settings.streams.filter((stream) => stream.id === id) };
}

interface EventsFrom {
  readonly shown: string;
  readonly events: AsyncIterable<ReadBack>;
}

async function eventsFrom(
  { events, data, sinceMs }: DiffOptions,
  configured: string | null,
  { limits }: DrySettings,
  left: EventsLeft,
): Promise<EventsFrom> {
  if (events !== null) {
    const found = await stat(events).catch(() => null);
    if (found === null || found.isDirectory()) throw invalid(`--events ${events}: there is no such file`);
    return { shown: events, events: since(eventsOfFile(events, limits, left), sinceMs) };
  }
  const folder = data ?? configured;
  if (folder === null)
    throw invalid("say where the events are: the running program's --config FILE or --data DIR, or --events FILE with one event a line");
  await assertDataFolder(folder);
  return { shown: `the event log in ${folder}`, events: keptEvents(folder, sinceMs ?? 0, limits, left) };
}

async function* since(events: AsyncIterable<ReadBack>, sinceMs: number | null): AsyncGenerator<ReadBack> {
  for await (const read of events) if (sinceMs === null || read.event.timeMs >= sinceMs) yield read;
}

interface Looking {
  readonly diff: RuleDiff;
  readonly tally: Tally;
  readonly after: DrySettings;
}

async function lookAtAll({ events, shown }: EventsFrom, { diff, tally, after }: Looking, line: ProgressLine): Promise<void> {
  const redact = after.streams.flatMap((stream) => stream.redact);
  try {
    for await (const read of events) {
      tally.add(read.event.timeMs, diff.compare(read), () => shownOf(read, after, redact));
      if (tally.events % PROGRESS_EVENTS === 0)
        line.at(`reading ${shown}`, `${counted(tally.events, "event")}, up to ${new Date(read.event.timeMs).toISOString()}`);
    }
  } finally {
    line.end();
  }
}

function shownOf({ event }: ReadBack, { limits }: DrySettings, redact: readonly FieldPath[]): Shown {
  const shown = shownAttributes(event, new ContentValues(event, limits), limits, redact);
  return { timeMs: event.timeMs, eventId: event.id, tenant: event.identity.tenant, subject: subjectOf(shown) };
}

function noEvents(place: string, { unreadable, reason }: EventsLeft): SidestreamError {
  if (unreadable > 0)
    return invalid(`${place} has no event in this time that can be read; of the first of ${counted(unreadable, "line")}: ${reason}`);
  return invalid(
    `${place} has no event in this time, so nothing can be said: is \`keepEvents\` in the configuration of the program that runs, and since when? --since 7d looks further back`,
  );
}

function invalid(text: string): SidestreamError {
  return new SidestreamError("SST_COMMAND_INVALID", text);
}
