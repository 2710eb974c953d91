/**
 * Sidestream as a real process, over many lives: started, killed, stopped, and read for what it says of itself.
 *
 * Promise: an end that nobody asked for is told. What each life logged is kept in one file.
 */
import { execFile } from "node:child_process";
import { appendFileSync } from "node:fs";
import { resolve } from "node:path";
import { promisify } from "node:util";
import type { StatusReport } from "../../src/cli/status-report.ts";
import { launch, type Program } from "../system/support/program.ts";
import type { TestHost } from "../system/support/test-host.ts";

const run = promisify(execFile);
const MAIN = resolve(import.meta.dirname, "../../src/cli/main.ts");
/** Many times what a start takes on a busy machine. */
const START_MS_MAX = 120_000;
const STATUS_MS_MAX = 30_000;
const STATUS_BYTES_MAX = 64 * 1024 * 1024;
const LAST_LINES = 12;

/** What the program found where it asked brokers what they have, over all lives. */
export interface Recoveries {
  /** A lane was asked with messages in doubt. */
  readonly inDoubt: number;
  /** Of these, the broker remembered nothing of the producer, and the topic was read. */
  readonly missingState: number;
  /** Messages in doubt that were there, so that they were not sent again. */
  readonly had: number;
}

/** One line of its log, as far as it is looked at. */
interface Line {
  readonly level?: string;
  readonly msg?: string;
  readonly code?: string;
  readonly inDoubt?: number;
  readonly had?: number;
  readonly readBack?: boolean;
}

export class Sidestream {
  readonly #host: TestHost;
  readonly #configuration: string;
  readonly #data: string;
  readonly #logFile: string;
  readonly #recoveries = { inDoubt: 0, missingState: 0, had: 0 };
  readonly #warnings = new Map<string, number>();
  readonly #deaths: string[] = [];
  #program: Program | null = null;
  #isMeantToEnd = false;
  #killCount = 0;
  #lifeCount = 0;
  #reading: Promise<void> = Promise.resolve();

  constructor(host: TestHost, parts: { readonly configuration: string; readonly data: string; readonly logFile: string }) {
    this.#host = host;
    this.#configuration = parts.configuration;
    this.#data = parts.data;
    this.#logFile = parts.logFile;
  }

  get killCount(): number {
    return this.#killCount;
  }

  get lifeCount(): number {
    return this.#lifeCount;
  }

  get recoveries(): Recoveries {
    return this.#recoveries;
  }

  /** Warnings and errors of its log, by code or text. */
  get warnings(): ReadonlyMap<string, number> {
    return this.#warnings;
  }

  /** Ends that nobody asked for, each with the end of the log. */
  get deaths(): readonly string[] {
    return this.#deaths;
  }

  /** Starts it and waits until it serves. */
  async start(): Promise<void> {
    await this.#served(this.launch());
  }

  /** Settles once it serves: it is started where it doesn't run. */
  async serving(): Promise<void> {
    const program = this.#program;
    const runs = program !== null && program.process.exitCode === null && program.process.signalCode === null;
    if (runs) await this.#served(program);
    else await this.start();
  }

  /** Starts it and waits for nothing. */
  launch(): Program {
    const program = launch(this.#host, ["run", "--config", this.#configuration, "--log-level", "debug"]);
    this.#program = program;
    this.#isMeantToEnd = false;
    this.#lifeCount += 1;
    this.#reading = program.ended.then(({ status, signal }) => {
      if (!this.#isMeantToEnd) this.#deaths.push(`it ended with ${status ?? signal}:\n${lastLines(program.errors())}`);
      this.#read(program.errors());
    });
    return program;
  }

  /** SIGKILL, sent before this returns; settles once it is gone. */
  async kill(): Promise<void> {
    this.#killCount += 1;
    await this.#end("SIGKILL");
  }

  /** SIGTERM; settles once it has ended. */
  async terminate(): Promise<void> {
    const status = await this.#end("SIGTERM");
    if (status !== 0) this.#deaths.push(`asked to end, it ended with ${status}`);
  }

  /** SIGSTOP. */
  pause(): void {
    this.#program?.process.kill("SIGSTOP");
  }

  /** SIGCONT. */
  resume(): void {
    this.#program?.process.kill("SIGCONT");
  }

  /** Null: it didn't answer, or doesn't run. */
  async status(): Promise<StatusReport | null> {
    const text = await this.#ask(["status", "--data", this.#data, "--json"]);
    return text === "" ? null : (JSON.parse(text) as StatusReport);
  }

  /** Of the program that is stopped: empty when its spool is sound, else what is wrong. */
  async fsck(): Promise<string> {
    return await run(process.execPath, [MAIN, "spool", "fsck", "--data", this.#data], { maxBuffer: STATUS_BYTES_MAX }).then(
      () => "",
      (error: Error & { stdout?: string; stderr?: string }) => `${error.stdout ?? ""}${error.stderr ?? error.message}`,
    );
  }

  async #served(program: Program): Promise<void> {
    const tooLong = (): void => {
      this.#deaths.push(`it did not serve within ${START_MS_MAX} ms`);
      program.process.kill("SIGKILL");
    };
    const timer = setTimeout(tooLong, START_MS_MAX);
    try {
      await program.logged("sidestream runs");
    } finally {
      clearTimeout(timer);
    }
  }

  async #ask(command: readonly string[]): Promise<string> {
    // It says by its exit status that something needs a person, and by its output what.
    return await run(process.execPath, [MAIN, ...command], { timeout: STATUS_MS_MAX, maxBuffer: STATUS_BYTES_MAX }).then(
      ({ stdout }) => stdout,
      (error: { stdout?: string }) => error.stdout ?? "",
    );
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<string | number | null> {
    const program = this.#program;
    if (program === null) return null;
    this.#isMeantToEnd = true;
    program.process.kill(signal);
    const { status, signal: by } = await program.ended;
    await this.#reading;
    this.#program = null;
    return status ?? by;
  }

  #read(log: string): void {
    appendFileSync(this.#logFile, log);
    for (const text of log.split("\n")) {
      if (!text.startsWith("{")) continue;
      const line = JSON.parse(text) as Line;
      if (line.msg?.startsWith("asked what") === true) this.#count(line);
      else if (line.level === "warn" || line.level === "error") {
        const what = line.code ?? line.msg ?? "";
        this.#warnings.set(what, (this.#warnings.get(what) ?? 0) + 1);
      }
    }
  }

  #count({ inDoubt = 0, had = 0, readBack = false }: Line): void {
    if (inDoubt === 0) return;
    this.#recoveries.inDoubt += 1;
    this.#recoveries.had += had;
    if (readBack) this.#recoveries.missingState += 1;
  }
}

function lastLines(text: string): string {
  return text.trimEnd().split("\n").slice(-LAST_LINES).join("\n");
}
