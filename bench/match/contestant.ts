/** A contestant in a process of its own, on one core: it loads the rules, then does what it is told, when it is told. */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { bound } from "../children.ts";
import { threadTimes } from "../thread-times.ts";

const US_PER_SECOND = 1_000_000;
const WARM_ROUNDS_MAX = 5;

export interface Loaded {
  /** Parsing and adding the rules, up to the first answer. */
  readonly loadMs: number;
  /** What the rules take, after a collection of garbage. */
  readonly heapBytes: number;
}

interface Answers {
  /** One pass over the events, unless the seconds end before. */
  readonly count: { readonly events: number; readonly matches: number };
  readonly warm: object;
  readonly rate: { readonly events: number; readonly seconds: number };
  readonly times: { readonly p50Us: number; readonly p99Us: number };
}

export interface Launch {
  readonly name: string;
  readonly command: string;
  readonly arguments: readonly string[];
}

export class Contestant {
  readonly name: string;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #answers: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;
  #errors = "";

  private constructor({ name, command, arguments: given }: Launch, core: number) {
    this.name = name;
    this.#child = spawn(...bound("taskset", ["-c", String(core), command, ...given]), { stdio: ["pipe", "pipe", "pipe"] });
    this.#ended = once(this.#child, "close");
    this.#child.stderr.on("data", (chunk: Buffer) => (this.#errors = (this.#errors + chunk.toString()).slice(-4000)));
    // One that died shows as an answer that doesn't come.
    this.#child.stdin.on("error", () => {});
    this.#answers = createInterface({ input: this.#child.stdout, crlfDelay: Infinity })[Symbol.asyncIterator]();
  }

  /**
   * Starts it; settles once the rules are loaded.
   *
   * @throws Error with what it wrote to standard error, when it fails.
   */
  static async start(launch: Launch, core: number): Promise<{ readonly contestant: Contestant; readonly loaded: Loaded }> {
    const contestant = new Contestant(launch, core);
    return { contestant, loaded: await contestant.#answer<Loaded>() };
  }

  async do<Command extends keyof Answers>(command: Command, seconds: number): Promise<Answers[Command]> {
    this.#child.stdin.write(`${command} ${seconds}\n`);
    return await this.#answer();
  }

  /** Has it match until it has had a core for so long. On a machine that has none to spare, it ends before. */
  async warm(seconds: number): Promise<void> {
    const until = this.cpuSeconds() + seconds;
    for (let round = 0; round < WARM_ROUNDS_MAX; round++) {
      const missing = until - this.cpuSeconds();
      if (missing <= 0) return;
      await this.do("warm", missing);
    }
  }

  /** Seconds that its threads, compilers and collectors of garbage among them, have had a core. */
  cpuSeconds(): number {
    return Object.values(threadTimes(this.#child.pid ?? 0)).reduce((sum, time) => sum + time, 0) / US_PER_SECOND;
  }

  async #answer<Answer>(): Promise<Answer> {
    const { value, done } = await this.#answers.next();
    if (done === true) {
      await this.#ended;
      throw new Error(`${this.name} has ended:\n${this.#errors}`);
    }
    return JSON.parse(value) as Answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }
}
