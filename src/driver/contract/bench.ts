/**
 * What each contract test works with: messages that can be told apart, connections that are ended, sends to both kinds
 * of connection, checks on what arrived. What a test stopped or paused goes on at its end.
 */
import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { ERRORS, isSidestreamError } from "../../errors.ts";
import {
  isNumbered,
  type DestinationConnection,
  type DestinationDriver,
  type NumberedConnection,
  type OutgoingMessage,
  type SendOutcome,
} from "../destination.ts";
import { ATTEMPT_WAIT_MS, RECOVERY_MS_MAX, SEND_MS_MAX, settles } from "./bounds.ts";
import { ContractMemory } from "./contract-memory.ts";
import type { DestinationHarness, ReceivedMessage } from "./harness.ts";
import { assertOutcomes, NumberedLanes } from "./numbered-lanes.ts";

const never = new AbortController().signal;

/** One test of the contract, given its bench. */
export type Body = (bench: ContractBench) => Promise<void>;

export class ContractBench {
  readonly driver: DestinationDriver;
  readonly harness: DestinationHarness;
  readonly topics: readonly [string, string];
  readonly memory = new ContractMemory();
  readonly lanes = new NumberedLanes();
  readonly #opened = new Set<DestinationConnection>();
  /** The options as the harness gave them. */
  given: unknown;
  #options: unknown;
  #number = 0;
  #down = false;
  #paused = false;

  constructor(driver: DestinationDriver, harness: DestinationHarness, caseNumber: number) {
    this.driver = driver;
    this.harness = harness;
    this.topics = harness.topicsFor?.(caseNumber) ?? harness.topics ?? ["contract-a", "contract-b"];
  }

  async begin(): Promise<void> {
    this.given = await this.harness.options();
    this.#options = this.driver.options.parse(this.given);
  }

  async end(): Promise<void> {
    this.memory.release();
    if (this.#paused) await this.resume();
    if (this.#down) await this.start();
    for (const connection of this.#opened) await this.dispose(connection);
    await this.harness.cleanup();
  }

  /**
   * Opens the one connection, as the flow does: an earlier one was ended.
   *
   * @param given - Options in place of the harness's first ones.
   */
  async open(signal: AbortSignal = never, given?: unknown): Promise<DestinationConnection> {
    assert.equal(this.#opened.size, 0, "the connection before was not ended");
    const options = given === undefined ? this.#options : this.driver.options.parse(given);
    const { deduplicates } = this.driver.promises;
    const context = { name: "contract", signal, ...(deduplicates ? { memory: this.memory } : {}) };
    const connection = await settles(this.driver.open(options, context), signal, "open");
    this.#opened.add(connection);
    return connection;
  }

  async openNumbered(): Promise<NumberedConnection> {
    const connection = await this.open();
    assert(isNumbered(connection));
    return connection;
  }

  /** Ends a connection as the flow does, in time. */
  async dispose(connection: DestinationConnection): Promise<void> {
    this.#opened.delete(connection);
    await settles(connection[Symbol.asyncDispose](), AbortSignal.abort(), "the connection's end");
  }

  /** A message with a number of its own in its value, which is one line of JSON. It is in the log from here on. */
  message(parts: Partial<OutgoingMessage> & { readonly valueBytes?: number } = {}): OutgoingMessage {
    const { valueBytes, ...given } = parts;
    this.#number += 1;
    const bare = JSON.stringify({ number: this.#number, padding: "" });
    const padding = "x".repeat(Math.max(0, (valueBytes ?? 0) - bare.length));
    const value = Buffer.from(JSON.stringify({ number: this.#number, padding }));
    const sequence = this.memory.nextSequence++;
    return { topic: this.topics[0], key: "key", headers: [], value, sequence, ...given };
  }

  messages(
    count: number,
    parts: (index: number) => Partial<OutgoingMessage> & { readonly valueBytes?: number } = () => ({}),
  ): OutgoingMessage[] {
    return Array.from({ length: count }, (_, index) => this.message(parts(index)));
  }

  /** Sends and checks that there is one proper outcome per message, in time. */
  async send(
    connection: DestinationConnection,
    batch: readonly OutgoingMessage[],
    signal: AbortSignal = AbortSignal.timeout(SEND_MS_MAX),
  ): Promise<readonly SendOutcome[]> {
    const outcomes = isNumbered(connection)
      ? await this.lanes.send(connection, batch, signal)
      : await settles(connection.send(batch, signal), signal, "send");
    assertOutcomes(outcomes, batch.length);
    return outcomes;
  }

  /** Sends what must be taken. */
  async deliver(connection: DestinationConnection, batch: readonly OutgoingMessage[]): Promise<void> {
    for (const outcome of await this.send(connection, batch)) if (outcome !== null) throw outcome;
  }

  /**
   * Delivers to a destination that may not be ready yet: repeats as the flow does, over new connections where told so.
   * The last connection is ended.
   */
  async deliverAtLast(batch: readonly OutgoingMessage[], opened: DestinationConnection | null = null): Promise<void> {
    const deadline = AbortSignal.timeout(RECOVERY_MS_MAX);
    let waiting = batch;
    let connection = opened;
    for (;;) {
      const failures: SendOutcome[] = [];
      try {
        connection ??= await this.open(deadline);
        const outcomes = await this.send(connection, waiting);
        waiting = waiting.filter((_, index) => outcomes[index] !== null);
        failures.push(...outcomes.filter((outcome) => outcome !== null));
      } catch (error) {
        if (!isSidestreamError(error)) throw error;
        failures.push(error);
      }
      if (failures.length === 0 && connection !== null) return this.dispose(connection);
      for (const failure of failures) if (isRefusal(failure) || deadline.aborted) throw failure as Error;
      if (connection !== null && failures.some(isLoss)) {
        await this.dispose(connection);
        connection = null;
      }
      await setTimeout(ATTEMPT_WAIT_MS);
    }
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  async stop(): Promise<void> {
    this.#down = true;
    await this.harness.stop?.();
  }

  async kill(): Promise<void> {
    this.#down = true;
    await this.harness.kill?.();
  }

  async start(): Promise<void> {
    await this.harness.start?.();
    this.#down = false;
  }

  async pause(): Promise<void> {
    this.#paused = true;
    await this.harness.pause?.();
  }

  async resume(): Promise<void> {
    await this.harness.resume?.();
    this.#paused = false;
  }

  /** The values that arrived, in order for each lane. */
  async receivedValues(): Promise<readonly string[]> {
    return (await this.harness.received()).map(({ value }) => value.toString());
  }

  async receivedOf(message: OutgoingMessage): Promise<ReceivedMessage> {
    const found = (await this.harness.received()).filter(({ value }) => value.equals(message.value));
    assert.equal(found.length, 1, `the message ${message.sequence} arrived ${found.length} times`);
    return found[0] as ReceivedMessage;
  }

  /**
   * Checks that exactly these messages arrived, in order per topic and key where the driver promises order.
   *
   * @param doubles - `"allowed"` after a failure that left a driver unsure which can't refuse what it has already.
   */
  async assertArrived(sent: readonly OutgoingMessage[], doubles: "none" | "allowed" = "none"): Promise<void> {
    const received = await this.receivedValues();
    const values = doubles === "none" ? received : firsts(received);
    const groupOf = new Map(sent.map((message) => [message.value.toString(), JSON.stringify([message.topic, message.key])]));
    const foreign = values.find((value) => !groupOf.has(value));
    assert.equal(foreign, undefined, "a message arrived that is none of those sent");
    assert.equal(new Set(values).size, sent.length, `of ${sent.length} messages ${new Set(values).size} arrived`);
    assert.equal(values.length, sent.length, `${values.length - sent.length} messages arrived once more`);
    if (!this.driver.promises.ordered) return;
    const groups = (list: readonly string[]): Map<string, string[]> => Map.groupBy(list, (value) => groupOf.get(value) ?? "");
    const expected = groups(valuesOf(sent));
    for (const [group, found] of groups(values))
      assert.deepEqual(found, expected.get(group), `messages of ${group} arrived in another order`);
  }

  /** Whether a repetition may bring messages twice. */
  get doublesAfterDoubt(): "none" | "allowed" {
    return this.driver.promises.deduplicates ? "none" : "allowed";
  }
}

export function valuesOf(messages: readonly OutgoingMessage[]): readonly string[] {
  return messages.map(({ value }) => value.toString());
}

/** By the code: an error of another copy of the package has no getter that could be relied on. */
export function mayPass(outcome: SendOutcome): boolean {
  return outcome !== null && ERRORS[outcome.code].retry !== "never";
}

export function isRefusal(outcome: SendOutcome): boolean {
  return outcome !== null && ERRORS[outcome.code].retry === "never";
}

/** True where the flow opens the connection anew. */
export function isLoss(outcome: SendOutcome): boolean {
  return outcome !== null && ERRORS[outcome.code].retry === "reconnect";
}

/** Fails unless it is an error after which messages wait. */
export function assertMayPass(error: unknown): true {
  assert(isSidestreamError(error), `${String(error)} is no SidestreamError`);
  assert(mayPass(error), `after ${error.code} the message would be given up`);
  return true;
}

/** Without repeats, each at its first place. */
export function firsts(values: readonly string[]): readonly string[] {
  return [...new Set(values)];
}
