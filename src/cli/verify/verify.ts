/**
 * `sidestream verify TARGET`: reads a topic, and finds what is missing, doubled or out of order by the numbers that messages
 * carry.
 *
 * Promise: nothing is written, neither at the destination nor in a data folder, and nothing depends on what the spool says:
 * it only explains. Memory is bounded, however long the topic is.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Environment } from "../../config/secrets.ts";
import type { TopicPage } from "../../driver/destination.ts";
import { SPOOL_FOLDER } from "../../flow/spool/folders.ts";
import { counted, type Output } from "../output.ts";
import { ProgressLine } from "../spool-progress.ts";
import { absences } from "./absent.ts";
import { firstPlaces, Ledger } from "./ledger.ts";
import { lookAtFolders, type KnownLog, type Knowledge } from "./log-knowledge.ts";
import { isAllWell, type Found } from "./conclusion.ts";
import { whileReading } from "./reading-error.ts";
import { forPeople, forPrograms } from "./report.ts";
import { readTarget, type VerifyTarget } from "./target.ts";
import { judge } from "./verdict.ts";

export interface VerifyOptions {
  readonly target: string;
  /** Configuration file; null: the target is an address. */
  readonly config: string | null;
  /** Data folders whose logs explain holes. */
  readonly data: readonly string[];
  /** The only stream that counts; null: all. */
  readonly stream: string | null;
  readonly json: boolean;
  readonly environment: Environment;
}

const EXIT_OK = 0;
const EXIT_PROBLEMS = 1;

/**
 * @returns Exit status: 0 all well, or all that is missing is explained; 1 something is doubled, missing or out of
 * order, or could not be verified.
 * @throws SidestreamError as `readTarget`, as the destination's reader, as the spool.
 */
export async function runVerify(options: VerifyOptions, out: Output): Promise<number> {
  const target = await readTarget(options.target, options.config, options.environment);
  const line = new ProgressLine(out);
  try {
    const found = await verify(target, options, line);
    line.end();
    out.stdout(options.json ? `${JSON.stringify(forPrograms(found), null, 2)}\n` : forPeople(found));
    return isAllWell(found) ? EXIT_OK : EXIT_PROBLEMS;
  } finally {
    line.end();
  }
}

async function verify(target: VerifyTarget, options: VerifyOptions, line: ProgressLine): Promise<Found> {
  const notices = new Set<string>();
  const notice = (text: string): void => void notices.add(text);
  // Before the topic: what is delivered meanwhile is found in it then.
  const knowledge = await look(target, options, line);
  for (const { path, text } of knowledge.findings) notice(`${path}: ${text}`);
  const ledger = new Ledger(options.stream);
  for await (const page of pages(target, notice)) {
    ledger.add(page);
    line.at(`reading ${target.topic}`, `${counted(ledger.messages, "message")}, ${Math.floor(100 * page.share)} %`);
  }
  const places =
    ledger.doubles.length === 0
      ? new Map<never, never>()
      : await firstPlaces(ledger.doubles, withProgress(pages(target, notice), "looking for what was doubled", line));
  const isOurs = ({ data, name }: KnownLog) => (data === target.dataFolder ? target.isOurs(name) : null);
  const { topic } = target;
  const absent = absences(ledger, knowledge, { topic, stream: options.stream, isOurs });
  const isAbsent = new Set(absent.verdicts.map(({ series }) => series));
  return {
    target: options.target,
    topic,
    stream: options.stream,
    ledger,
    verdicts: [
      ...ledger
        .series()
        .filter((series) => !isAbsent.has(series))
        .map((series) => judge(series, knowledge)),
      ...absent.verdicts,
    ],
    firstPlaces: places,
    notices: [...notices],
    doubts: absent.doubts,
    knownStreams: new Set([...knowledge.logs.values()].flatMap(({ next, elsewhere }) => [...(next?.keys() ?? []), ...elsewhere])),
  };
}

function look({ topic, dataFolder }: VerifyTarget, { data }: VerifyOptions, line: ProgressLine): Promise<Knowledge> {
  // The configuration may be that of another machine.
  const ofConfiguration = dataFolder !== null && existsSync(join(dataFolder, SPOOL_FOLDER)) ? [dataFolder] : [];
  const folders = new Set([...data, ...ofConfiguration]);
  return lookAtFolders([...folders], { topic, onProgress: (log, progress) => line.at(`reading ${log}`, progress) });
}

async function* pages({ type, options, topic, read }: VerifyTarget, notice: (text: string) => void): AsyncGenerator<TopicPage> {
  try {
    yield* read(options, topic, { name: type, signal: new AbortController().signal, notice });
  } catch (error) {
    throw whileReading(error);
  }
}

async function* withProgress(source: AsyncIterable<TopicPage>, what: string, line: ProgressLine): AsyncGenerator<TopicPage> {
  for await (const page of source) {
    line.at(what, `${Math.floor(100 * page.share)} %`);
    yield page;
  }
}
