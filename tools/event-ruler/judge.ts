/**
 * Asks event-ruler which rules match events: a judge of our answers that shares no code with them.
 *
 * Promise: its process ends with this one, however this one ends; it ends with its input.
 */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { eventRulerClassPath } from "./jars.ts";

/** Soon there, with one collector thread and the first of Java's compilers only. */
const JAVA = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

/** A pattern of event-ruler's language. */
export type Pattern = Readonly<Record<string, unknown>>;

export interface Case {
  /** Id and patterns; the rule matches when any of them does. */
  readonly rules: readonly (readonly [id: string, ...patterns: Pattern[]])[];
  /** JSON texts. */
  readonly events: readonly string[];
}

export class Judge {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #answers: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;
  #errors = "";

  private constructor(classPath: string) {
    const source = join(import.meta.dirname, "Judge.java");
    this.#child = spawn("java", [...JAVA, "-cp", classPath, source], { stdio: ["pipe", "pipe", "pipe"] });
    this.#ended = once(this.#child, "close");
    this.#child.stderr.on("data", (chunk: Buffer) => (this.#errors += chunk.toString()));
    // A judge that died shows as an answer that doesn't come.
    this.#child.stdin.on("error", () => {});
    this.#answers = createInterface({ input: this.#child.stdout, crlfDelay: Infinity })[Symbol.asyncIterator]();
  }

  /** @throws Error that names the commands this machine lacks, or tells what Maven said. */
  static async start(): Promise<Judge> {
    return new Judge(await eventRulerClassPath());
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /**
   * The ids of the rules that match, in order, for each event. One question at a time.
   *
   * @throws Error when event-ruler can't read a rule or an event, or has ended.
   */
  async ask(asked: Case): Promise<readonly (readonly string[])[]> {
    this.#child.stdin.write(`${JSON.stringify(asked)}\n`);
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error(`event-ruler has ended:\n${this.#errors.slice(-2000)}`);
    const answer = JSON.parse(value) as string[][] | { readonly error: string };
    if (!Array.isArray(answer)) throw new Error(`event-ruler can't answer: ${answer.error}`);
    return answer.map((ids) => ids.toSorted());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }
}
