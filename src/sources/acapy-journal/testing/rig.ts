/** A source that drains a folder of journals into a port of a test's own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { z } from "zod";
import type { SourceConnection } from "../../../driver/source.ts";
import { FakePort } from "../../../driver/testing/fake-port.ts";
import { acapyJournal } from "../acapy-journal.ts";
import { journalOptions } from "../options.ts";

export interface Rig {
  readonly port: FakePort;
  readonly source: SourceConnection;
  readonly notices: string[];
}

export function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "journals-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export async function start(
  t: TestContext,
  journals: string,
  options: Partial<z.input<typeof journalOptions>> = {},
  recordBytesMax = Number.MAX_SAFE_INTEGER,
  dataFolder = journals,
): Promise<Rig> {
  const port = new FakePort();
  port.recordBytesMax = recordBytesMax;
  const notices: string[] = [];
  const notice = (level: string, text: string): void => void notices.push(`${level}: ${text}`);
  const parsed = journalOptions.parse({ journals, ...options });
  const source = await acapyJournal.open(parsed, {
    name: "agents",
    port,
    notice,
    dataFolder,
    signal: new AbortController().signal,
  });
  t.after(() => source.close(100));
  return { port, source, notices };
}

/** Looks each turn, bounded by the test's own deadline. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}
