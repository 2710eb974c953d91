/** Options of the journal source: their schema and their defaults. */
import { z } from "zod";
import { duration, size } from "../../driver/quantity.ts";

const MIB = 2 ** 20;

/** What a journal's folder may be called. */
export const JOURNAL_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

export const journalOptions = z.strictObject({
  journals: z
    .string()
    .min(1, "expected the path of a folder")
    .max(4_096)
    .describe(
      "Folder in which each agent has its journal, a folder of its own; relative to this file, on a local disk. Made when it doesn't exist.",
    ),
  expect: z
    .array(z.string().regex(JOURNAL_NAME, { error: "expected the name of a journal: 1 to 63 letters, digits, ., - or _" }))
    .max(1_000)
    .default([])
    .describe("Names of journals that must be there: an agent whose plugin failed to load writes none, and says so only in its own log."),
  keepStates: duration(3_600_000, 365 * 86_400_000)
    .prefault("7d")
    .describe("How long the last state of each record is kept, for `sidestream acapy reconcile`; at most a million of them."),
  eventBytesMax: size(1024, 64 * MIB)
    .prefault("16MiB")
    .describe("Largest payload that is passed on. Of a larger one all but the payload is."),
});

export type JournalOptions = z.output<typeof journalOptions>;
