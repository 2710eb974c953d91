/** Finds a message of an event on disk: among the dead letters, in the logs, in the archives. It reads only, without a lock. */
import { join } from "node:path";
import { SidestreamError } from "../../errors.ts";
import { streamOfLabel } from "../../flow/message/stream-label.ts";
import type { Message } from "../../flow/message/message.ts";
import { disk } from "../../flow/spool/disk.ts";
import { exportLog } from "../../flow/spool/export.ts";
import { isProblem, type SpoolFinding } from "../../flow/spool/findings.ts";
import { ARCHIVE_FOLDER, DEAD_FOLDER, isLogFolder, SPOOL_FOLDER } from "../../flow/spool/folders.ts";
import { decodeDeadLetter, decodeMessage } from "../../flow/spool/message-codec.ts";
import { harmless, type Output } from "../output.ts";
import { ProgressLine } from "../spool-progress.ts";
import { findingText } from "../spool.ts";

export interface HeldChoice {
  /** The data folder. */
  readonly data: string;
  readonly eventId: string;
  /** Null: of any. */
  readonly destination: string | null;
  readonly stream: string | null;
}

export interface HeldMessage extends Pick<Message, "headers" | "value"> {
  /** `dead/kafka1 7`, for people. */
  readonly place: string;
}

/** Where is looked first: who asks, asks mostly for what went wrong. */
const PARENTS = [DEAD_FOLDER, SPOOL_FOLDER, ARCHIVE_FOLDER] as const;

/**
 * @returns The first that is found.
 * @throws SidestreamError `SST_COMMAND_INVALID` when there is none, `SST_DATA_MISSING`, what the disk says.
 */
export async function findMessage(choice: HeldChoice, out: Output): Promise<HeldMessage> {
  const { data, eventId, destination } = choice;
  for (const parent of PARENTS) {
    const folder = join(data, parent);
    const names = (await disk.exists(folder)) ? (await disk.listFolders(folder)).filter(isLogFolder).toSorted() : [];
    for (const name of names) {
      const found = destination === null || destination === name ? await search(choice, parent, name, out) : null;
      if (found !== null) return found;
    }
  }
  // It comes from where somebody else may have written it, and ends on a terminal.
  const shown = harmless(eventId);
  throw new SidestreamError(
    "SST_COMMAND_INVALID",
    destination === null
      ? `neither the event log nor any message in ${data} has an event with the id "${shown}": messages may have been delivered and not retained, or come from no rule; with \`keepEvents\` every event is kept for a while`
      : `no message for ${destination} of an event with the id "${shown}" is on disk in ${data}: it may have been delivered and not retained, or come from no rule`,
  );
}

async function search({ data, eventId, stream }: HeldChoice, parent: string, name: string, out: Output): Promise<HeldMessage | null> {
  const line = new ProgressLine({ ...out, stdout: () => undefined });
  let found: HeldMessage | null = null;
  const isDead = parent === DEAD_FOLDER;
  try {
    await exportLog({
      disk,
      folder: join(data, parent, name),
      kind: isDead ? "deadLetters" : "messages",
      pendingOnly: false,
      print: ({ frame: { sequence, payload } }) => {
        const message = isDead ? decodeDeadLetter(payload).message : decodeMessage(payload, sequence);
        const isMeant = message.eventId === eventId && (stream === null || streamOfLabel(message.stream) === stream);
        if (found === null && isMeant) found = { headers: message.headers, value: message.value, place: `${parent}/${name} ${sequence}` };
        return found === null ? "" : "\n";
      },
      write: () => Promise.resolve(found === null),
      onFinding: (finding: SpoolFinding) => {
        line.end();
        if (isProblem(finding)) out.stderr(findingText(finding));
      },
      onProgress: (progress) => line.at(`reading ${parent}/${name}`, progress),
    });
  } finally {
    line.end();
  }
  return found;
}
