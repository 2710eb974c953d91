/** The `file` destination: one line of JSON per message, one file per topic, in a folder on a local disk. */
import { resolve } from "node:path";
import { z } from "zod";
import { defineDestination, type PlainConnection, type DestinationContext } from "../../driver/destination.ts";
import { size } from "../../driver/quantity.ts";
import { isSidestreamError, SidestreamError } from "../../errors.ts";
import { topicOfOpenFile } from "./file-names.ts";
import { diskOperations, systemCode, type FileOperations } from "./file-operations.ts";
import { FolderConnection } from "./folder-connection.ts";
import { lockFolder } from "./folder-lock.ts";
import { OPEN_FILES_MAX, TopicFiles } from "./topic-files.ts";
import { readTopicFiles } from "./topic-reading.ts";

const ROTATE_BYTES_MIN = 4096;
const ROTATE_BYTES_LIMIT = 1024 ** 4;

export const fileOptions = z.strictObject({
  path: z
    .string()
    .min(1, "expected the path of a folder")
    .describe("Folder for the files, relative to this file, on a local disk; made when it doesn't exist. One destination per folder."),
  rotateBytes: size(0, ROTATE_BYTES_LIMIT)
    .refine((bytes) => bytes === 0 || bytes >= ROTATE_BYTES_MIN, `expected at least ${ROTATE_BYTES_MIN} bytes, or 0 for never`)
    .nullable()
    .default(128 * 1024 * 1024)
    .describe("Size at which a topic's file is renamed and a new one begun; 0 or null: never by size."),
  rotateSeconds: z
    .int("expected a whole number of seconds, such as 86400")
    .min(0)
    .nullable()
    .default(24 * 60 * 60)
    .describe("Age at which a topic's file is renamed and a new one begun; 0 or null: never by age."),
});

export type FileOptions = z.output<typeof fileOptions>;

/**
 * Opens the folder: makes it, locks it, cuts torn lines of earlier writers.
 *
 * @throws SidestreamError `SST_DESTINATION_LOCKED` when another writer has it, `SST_DESTINATION_DISK` when the disk refuses.
 */
export async function openFolder(
  options: FileOptions,
  context: DestinationContext,
  operations: FileOperations = diskOperations,
  openFilesMax: number = OPEN_FILES_MAX,
): Promise<PlainConnection> {
  const folder = resolve(options.path);
  let lock: { readonly release: () => void } | undefined;
  try {
    await operations.makeFolder(folder);
    lock = lockFolder(folder);
    // A process that was killed may have made a file and not synced its folder.
    await operations.syncFolder(folder);
    const files = new TopicFiles(folder, operations, context.notice ?? (() => {}), openFilesMax);
    for (const name of await operations.list(folder)) {
      const topic = topicOfOpenFile(name);
      if (topic !== null) await files.mend(topic);
    }
    const { release } = lock;
    return new FolderConnection({
      folder,
      files,
      operations,
      rotateBytes: options.rotateBytes || null,
      rotateSeconds: options.rotateSeconds || null,
      release,
    });
  } catch (cause) {
    lock?.release();
    if (isSidestreamError(cause)) throw cause;
    const why = systemCode(cause) === "EEXIST" ? "it is a file, not a folder" : systemCode(cause);
    throw new SidestreamError("SST_DESTINATION_DISK", `cannot open the folder ${folder}: ${why}`, { cause });
  }
}

export const file = defineDestination({
  type: "file",
  summary: "Writes messages to files, one line of JSON each, one file per topic",
  options: fileOptions,
  paths: ["path"],
  promises: { ordered: true, deduplicates: false, lanes: 1 },
  open: (options, context) => openFolder(options, context),
  read: (options, topic, context) => readTopicFiles(options.path, topic, context),
});
