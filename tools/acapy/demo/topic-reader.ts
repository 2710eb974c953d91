/** Reads the demo's topic as a consumer would: from its beginning, as messages come. */
import { Consumer, MessagesStreamModes, stringDeserializers } from "@platformatic/kafka";
import { waitUntil } from "../../kafka/wait-until.ts";

/** Kafka answers in milliseconds; the first event of a wallet waits for others of a busy machine. */
const ARRIVE_MS_MAX = 30_000;
/** A poll of the broker that finds nothing ends after this, and with it the reader. */
const POLL_MS = 200;
/** Of those that a demo left running overnight would gather. */
const EVENTS_KEPT = 1_000;

/** What the demo shows of a message. */
export interface ArrivedEvent {
  readonly key: string;
  /** When it was read. */
  readonly atMs: number;
  readonly id: string;
  readonly wallet: string;
  readonly topic: string;
  /** Of a basic message; null: it is none. */
  readonly content: string | null;
}

interface AgentCloudEvent {
  readonly id: string;
  readonly sidestreamtenant: string;
  readonly data: { readonly topic: string; readonly payload: { readonly content?: unknown } | null };
}

export class TopicReader implements AsyncDisposable {
  /** How many came. */
  count = 0;
  readonly #events: ArrivedEvent[] = [];
  readonly #consumer: Consumer<string, string, string, string>;
  readonly #onEvent: (event: ArrivedEvent) => void;

  private constructor(consumer: Consumer<string, string, string, string>, onEvent: (event: ArrivedEvent) => void) {
    this.#consumer = consumer;
    this.#onEvent = onEvent;
  }

  static async open(brokers: readonly string[], topic: string, onEvent: (event: ArrivedEvent) => void): Promise<TopicReader> {
    const consumer = new Consumer({
      groupId: "demo",
      clientId: "demo",
      bootstrapBrokers: [...brokers],
      deserializers: stringDeserializers,
    });
    const reader = new TopicReader(consumer, onEvent);
    const stream = await consumer.consume({ topics: [topic], mode: MessagesStreamModes.EARLIEST, autocommit: false, maxWaitTime: POLL_MS });
    stream.on("data", ({ key, value }: { readonly key: string; readonly value: string }) => reader.#take(key, value));
    return reader;
  }

  #take(key: string, value: string): void {
    const { id, sidestreamtenant: wallet, data } = JSON.parse(value) as AgentCloudEvent;
    this.count += 1;
    const content = typeof data.payload?.content === "string" ? data.payload.content : null;
    const event = { key, atMs: performance.now(), id, wallet, topic: data.topic, content };
    this.#events.push(event);
    if (this.#events.length > EVENTS_KEPT) this.#events.shift();
    this.#onEvent(event);
  }

  /**
   * The first event that is as wanted, once it is there.
   *
   * @throws Error when it doesn't come.
   */
  async arrival(what: string, isWanted: (event: ArrivedEvent) => boolean): Promise<ArrivedEvent> {
    const found: { event: ArrivedEvent | undefined } = { event: undefined };
    await waitUntil(() => (found.event = this.#events.find(isWanted)) !== undefined, ARRIVE_MS_MAX, what);
    return found.event as ArrivedEvent;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#consumer.close(true);
  }
}
