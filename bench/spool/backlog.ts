/** A large log on disk, written once, and filled up again after what a run took of it. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { runModule } from "../children.ts";
import { whole } from "../figures.ts";
import type { FillGiven, FillTold } from "./fill-backlog.ts";
import { settleDisk } from "../scratch.ts";
import { MIB, type Site } from "./site.ts";

/** As the engine's worker has it: 12 MiB of young heap, three times the semi-space. */
export const ENGINE_ARGUMENTS = ["--max-semi-space-size=4"] as const;
const TENANTS = ["diku", "uni1", "uni2", "uni3"];

export interface Backlog {
  readonly dataFolder: string;
  /** Twice what it holds: there is room for more. */
  readonly bytesMax: number;
}

/** Sees to it that the log has the size of the extent. */
export async function fullBacklog(site: Site): Promise<Backlog> {
  const { backlogBytes } = site.extent;
  const backlog: Backlog = { dataFolder: join(site.folder, "backlog"), bytesMax: backlogBytes * 2 };
  const isNew = !existsSync(backlog.dataFolder);
  if (isNew) site.tell(`writing ${whole(backlogBytes / MIB)} MiB of messages`);
  await fill(site, backlog, backlogBytes, TENANTS);
  return backlog;
}

export async function fill(site: Site, { dataFolder, bytesMax }: Backlog, bytes: number, tenants: readonly string[]): Promise<void> {
  const given: FillGiven = { dataFolder, bytesMax, payloadFile: site.payloadFile, tenants, bytes };
  await runModule<FillTold>(join(import.meta.dirname, "fill-backlog.ts"), given);
  settleDisk(site);
}
