/** A topic that holds what a test wants, behind a driver of the type `kafka`; the driver for files is the real one. */
import { z } from "zod";
import { file } from "../../../destinations/file/file.ts";
import { defineDestination, type TopicPage } from "../../../driver/destination.ts";
import { registerDestination } from "../../../driver/registry.ts";

export const KAFKA = "kafka://127.0.0.1:9092/users";

/** What is read, and what the reader has to say. */
export const topic: { pages: readonly TopicPage[]; notices: readonly string[] } = { pages: [], notices: [] };

export function registerDestinations(): void {
  registerDestination(file);
  registerDestination(
    defineDestination({
      type: "kafka",
      summary: "A cluster that isn't one",
      options: z.strictObject({ brokers: z.array(z.string()) }),
      promises: { ordered: true, deduplicates: true, lanes: 1 },
      open: () => Promise.reject(new Error("nothing is sent")),
      // oxlint-disable-next-line require-await -- as the interface has it
      async *read(_options, _topic, { notice }) {
        for (const text of topic.notices) notice?.(text);
        yield* topic.pages;
      },
    }),
  );
}
