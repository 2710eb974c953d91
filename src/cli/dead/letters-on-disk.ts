/**
 * Reads dead letters on disk, for people.
 *
 * Promise: nothing is changed and no lock is needed, so it works while the program runs; what can't be read is told on
 * standard error and stepped over.
 */
import { join } from "node:path";
import { SidestreamError } from "../../errors.ts";
import { didYouMean } from "../../flow/match/suggest.ts";
import { disk } from "../../flow/spool/disk.ts";
import { exportLog, type ReadMessage } from "../../flow/spool/export.ts";
import { isProblem, type SpoolFinding } from "../../flow/spool/findings.ts";
import { DEAD_FOLDER, isLogFolder } from "../../flow/spool/folders.ts";
import { isMeant, type LetterFilter } from "../../flow/spool/letter-filter.ts";
import type { DeadLetter } from "../../flow/spool/letter-reading.ts";
import { decodeDeadLetter } from "../../flow/spool/message-codec.ts";
import { assertDataFolder } from "../data-folder.ts";
import type { Output } from "../output.ts";
import { ProgressLine } from "../spool-progress.ts";
import { findingText } from "../spool.ts";

/** Which letters a command is about. */
export interface LetterChoice {
  /** The data folder. */
  readonly data: string;
  /** Null: of all. */
  readonly destination: string | null;
  readonly filter: LetterFilter;
}

/** A letter, and how it stands on disk. */
export interface FoundLetter extends DeadLetter {
  readonly destination: string;
  readonly read: ReadMessage;
}

/**
 * Gives out each letter that is meant, by destination and in order.
 *
 * @param print - What is written of it; empty: nothing.
 * @param write - Takes that. False when no more is wanted.
 * @returns How many problems were met.
 * @throws SidestreamError `SST_DATA_MISSING`, `SST_COMMAND_INVALID` when nothing has that name, what the disk says.
 */
export async function visitLetters(
  choice: LetterChoice,
  out: Pick<Output, "stderr" | "isTerminal">,
  print: (letter: FoundLetter) => string,
  write: (lines: string) => Promise<boolean>,
): Promise<number> {
  const { data, filter } = choice;
  const line = new ProgressLine({ ...out, stdout: () => undefined });
  let problems = 0;
  const onFinding = (found: SpoolFinding): void => {
    if (isProblem(found)) problems += 1;
    line.end();
    out.stderr(findingText(found));
  };
  let wantsMore = true;
  try {
    for (const destination of await namesOf(choice)) {
      if (!wantsMore) break;
      await exportLog({
        disk,
        folder: join(data, DEAD_FOLDER, destination),
        kind: "deadLetters",
        pendingOnly: false,
        print: (read) => {
          const letter = { number: read.frame.sequence, ...decodeDeadLetter(read.frame.payload), destination, read };
          return isMeant(letter, filter) ? print(letter) : "";
        },
        write: async (lines) => (wantsMore = await write(lines)),
        onFinding,
        onProgress: (progress) => line.at(`reading ${DEAD_FOLDER}/${destination}`, progress),
      });
    }
  } finally {
    line.end();
  }
  return problems;
}

async function namesOf({ data, destination }: LetterChoice): Promise<readonly string[]> {
  await assertDataFolder(data);
  const folder = join(data, DEAD_FOLDER);
  const names = (await disk.exists(folder)) ? (await disk.listFolders(folder)).filter(isLogFolder).toSorted() : [];
  if (destination === null) return names;
  if (names.includes(destination)) return [destination];
  throw new SidestreamError(
    "SST_COMMAND_INVALID",
    `there are no dead letters of a destination named "${destination}" in ${data}${didYouMean(destination, names)}`,
  );
}
