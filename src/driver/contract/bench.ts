/** What each contract test works with: messages that can be told apart, connections that are ended, checks on outcomes. */
import assert from "node:assert/strict";
import { isSidestreamError, ERRORS } from "../../errors.ts";
import type { DestinationConnection, DestinationDriver, OutgoingMessage, SendOutcome } from "../destination.ts";
import type { DestinationHarness, ReceivedMessage } from "./harness.ts";

/** Far longer than a destination that works needs; a test that takes longer fails by it. */
export const SEND_MS_MAX = 30_000;

export class ContractBench<Options> {
  readonly driver: DestinationDriver<Options>;
  readonly harness: DestinationHarness;
  readonly topics: readonly [string, string];
  readonly #opened: DestinationConnection[] = [];
  /** The options as the harness gave them. */
  given: unknown;
  #options: Options | undefined;
  #number = 0;

  constructor(driver: DestinationDriver<Options>, harness: DestinationHarness) {
    this.driver = driver;
    this.harness = harness;
    this.topics = harness.topics ?? ["contract-a", "contract-b"];
  }

  async begin(): Promise<void> {
    this.given = await this.harness.options();
    this.#options = this.driver.options.parse(this.given);
  }

  async end(): Promise<void> {
    for (const connection of this.#opened) await connection[Symbol.asyncDispose]();
    await this.harness.cleanup();
  }

  async open(): Promise<DestinationConnection> {
    assert(this.#options !== undefined);
    const connection = await this.driver.open(this.#options, { name: "contract", signal: new AbortController().signal });
    this.#opened.push(connection);
    return connection;
  }

  /** A message with a number of its own in its value, which is one line of JSON. */
  message(parts: Partial<OutgoingMessage> & { readonly valueBytes?: number } = {}): OutgoingMessage {
    const { valueBytes, ...given } = parts;
    this.#number += 1;
    const bare = JSON.stringify({ number: this.#number, padding: "" });
    const padding = "x".repeat(Math.max(0, (valueBytes ?? 0) - bare.length));
    const value = Buffer.from(JSON.stringify({ number: this.#number, padding }));
    return { topic: this.topics[0], key: "key", headers: [], value, sequence: this.#number, ...given };
  }

  messages(count: number, parts: (index: number) => Partial<OutgoingMessage> = () => ({})): OutgoingMessage[] {
    return Array.from({ length: count }, (_, index) => this.message(parts(index)));
  }

  /** Sends and checks that there is one proper outcome per message. */
  async send(
    connection: DestinationConnection,
    batch: readonly OutgoingMessage[],
    signal: AbortSignal = AbortSignal.timeout(SEND_MS_MAX),
  ): Promise<readonly SendOutcome[]> {
    const outcomes = await connection.send(batch, signal);
    assert.equal(outcomes.length, batch.length, "one outcome per message");
    for (const outcome of outcomes) assert(outcome === null || isSidestreamError(outcome), "an outcome is null or a SidestreamError");
    return outcomes;
  }

  /** Sends what must be taken. */
  async deliver(connection: DestinationConnection, batch: readonly OutgoingMessage[]): Promise<void> {
    for (const outcome of await this.send(connection, batch)) if (outcome !== null) throw outcome;
  }

  /** The values that arrived, topic by topic, in order. */
  async receivedValues(topic?: string): Promise<readonly string[]> {
    const received = await this.harness.received();
    return received
      .filter((message) => topic === undefined || message.topic === null || message.topic === topic)
      .map(({ value }) => value.toString());
  }

  async receivedOf(message: OutgoingMessage): Promise<ReceivedMessage> {
    const found = (await this.harness.received()).filter(({ value }) => value.equals(message.value));
    assert.equal(found.length, 1, `the message ${message.sequence} arrived ${found.length} times`);
    return found[0] as ReceivedMessage;
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

/** Without repeats, each at its first place. */
export function firsts(values: readonly string[]): readonly string[] {
  return [...new Set(values)];
}
