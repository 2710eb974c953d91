/**
 * What was found at a destination in place of what the memory has, kept in the memory for the operator who decides.
 *
 * Nothing depends on its being written: without it, the decision is made without seeing what was found.
 */
import type { DestinationMemory } from "../../driver/destination.ts";
import { FOUND_RECORD, foundIn, type FoundRecord, type FoundTopic } from "./memory-records.ts";

/** More changed topics than this are one change of all: the record stays small. */
const TOPICS_MAX = 100;

export class Found {
  readonly #memory: DestinationMemory;
  #record: FoundRecord;
  #writing: Promise<void> = Promise.resolve();

  constructor(memory: DestinationMemory) {
    this.#memory = memory;
    this.#record = foundIn(memory);
  }

  /** The last change is on disk, or could not be written. */
  get settled(): Promise<void> {
    return this.#writing;
  }

  clusterChanged(cluster: string): void {
    if (this.#record.cluster !== cluster) this.#set({ ...this.#record, cluster });
  }

  clusterIsWell(): void {
    if (this.#record.cluster === undefined) return;
    const { cluster: _, ...rest } = this.#record;
    this.#set(rest);
  }

  topicChanged(name: string, topic: FoundTopic): void {
    const topics = this.#record.topics ?? {};
    const known = topics[name];
    if (known !== undefined && known.id === topic.id && known.partitions === topic.partitions) return;
    if (known === undefined && Object.keys(topics).length >= TOPICS_MAX) return;
    this.#set({ ...this.#record, topics: { ...topics, [name]: topic } });
  }

  topicIsWell(name: string): void {
    const { [name]: known, ...others } = this.#record.topics ?? {};
    if (known === undefined) return;
    const { topics: _, ...rest } = this.#record;
    this.#set(Object.keys(others).length === 0 ? rest : { ...rest, topics: others });
  }

  #set(record: FoundRecord): void {
    this.#record = record;
    const value = Object.keys(record).length === 0 ? null : record;
    // A disk that fails stops the log by itself; this record is only for show.
    this.#writing = this.#writing.then(() => this.#memory.set(FOUND_RECORD, value)).catch(() => {});
  }
}
