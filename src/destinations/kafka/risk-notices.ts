/** Tells, once each, what a cluster's settings put at risk. */
import { durabilityNotice, ONE_BROKER_NOTICE, type TopicSettings } from "./topic-settings.ts";
import type { TopicDescription } from "./topics.ts";

/** A cluster with weak defaults has weak topics by the thousand; these are enough to know. */
const TOPICS_TOLD_MAX = 10;

export class RiskNotices {
  readonly #notice: (text: string) => void;
  readonly #told = new Set<string>();
  #unreadTold = false;

  constructor(notice: (text: string) => void) {
    this.#notice = notice;
  }

  cluster(brokers: number): void {
    if (brokers === 1) this.#notice(ONE_BROKER_NOTICE);
  }

  topic({ name, replicationFactor }: TopicDescription, brokers: number, settings: TopicSettings | undefined): void {
    if (settings === undefined || this.#told.size > TOPICS_TOLD_MAX || this.#told.has(name)) return;
    const text = durabilityNotice(name, replicationFactor, brokers, settings);
    if (text === null) return;
    this.#told.add(name);
    this.#notice(
      this.#told.size > TOPICS_TOLD_MAX
        ? "further topics can lose acknowledged messages in the same way; `sidestream check` lists them"
        : text,
    );
  }

  /** The settings of a topic can't be read. The right is missing for one topic as for all, so it is told once. */
  unread(name: string, why: string): void {
    if (this.#unreadTold) return;
    this.#unreadTold = true;
    this.#notice(`the settings of topic ${name} can't be read, so batches are kept below 1 MiB and weak settings are not noticed: ${why}`);
  }
}
