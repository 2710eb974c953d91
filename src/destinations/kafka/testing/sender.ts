/** A spool's part towards a Kafka destination, in miniature: a memory, numbers of lanes, connections that come and go. */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { ATTEMPT_WAIT_MS, RECOVERY_MS_MAX, SEND_MS_MAX } from "../../../driver/contract/bounds.ts";
import { ContractMemory } from "../../../driver/contract/contract-memory.ts";
import { NumberedLanes } from "../../../driver/contract/numbered-lanes.ts";
import { isNumbered, type NumberedConnection, type OutgoingMessage, type SendOutcome } from "../../../driver/destination.ts";
import { kafka } from "../kafka.ts";

export class Sender {
  readonly memory: ContractMemory;
  readonly lanes = new NumberedLanes();
  readonly notices: string[] = [];
  readonly #options: Readonly<Record<string, unknown>>;
  readonly #controller = new AbortController();
  readonly #open: NumberedConnection[] = [];
  #sequence: number;

  /** @param options - As in a configuration file. */
  constructor(options: Readonly<Record<string, unknown>>, memory = new ContractMemory()) {
    this.#options = options;
    this.memory = memory;
    this.#sequence = memory.nextSequence;
  }

  /** Messages that are new in the log, told apart by their values. */
  messages(topic: string, count: number, changes: (index: number) => Partial<OutgoingMessage> = () => ({})): OutgoingMessage[] {
    const made = Array.from({ length: count }, (_, index) => {
      const sequence = this.#sequence++;
      return { topic, key: "", headers: [], value: Buffer.from(`${topic} ${sequence}`), sequence, ...changes(index) };
    });
    this.memory.nextSequence = this.#sequence;
    return made;
  }

  async open(): Promise<NumberedConnection> {
    const options = kafka.options.parse(this.#options);
    const { memory, notices } = this;
    const notice = (text: string): number => notices.push(text);
    const opened = await kafka.open(options, { name: "kafka1", signal: this.#controller.signal, memory, notice });
    assert(isNumbered(opened));
    this.#open.push(opened);
    return opened;
  }

  async send(connection: NumberedConnection, batch: readonly OutgoingMessage[]): Promise<readonly SendOutcome[]> {
    return this.lanes.send(connection, batch, AbortSignal.timeout(SEND_MS_MAX));
  }

  /** Sends until all of it is there. */
  async deliver(connection: NumberedConnection, batch: readonly OutgoingMessage[]): Promise<void> {
    const untilMs = Date.now() + RECOVERY_MS_MAX;
    let left = batch;
    for (;;) {
      const outcomes = await this.send(connection, left);
      left = left.filter((_, index) => outcomes[index] !== null);
      if (left.length === 0) return;
      const failure = outcomes.find((outcome) => outcome !== null);
      assert(failure?.retry !== "never" && Date.now() < untilMs, failure ?? undefined);
      await pause(ATTEMPT_WAIT_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#open) await connection[Symbol.asyncDispose]();
    this.#controller.abort();
  }
}
