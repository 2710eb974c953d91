/** `sidestream run`: starts the program and keeps it running until a signal ends it. */
import { loadConfiguration, type Loaded } from "../config/load.ts";
import { QUICK_TENANT_HEADER, quickConfiguration, type QuickFlags } from "../config/quick.ts";
import { formatFinding } from "../config/finding.ts";
import { createLog, type LogLevel } from "../observe/log.ts";
import { Ending } from "./ending.ts";
import type { Output } from "./output.ts";
import { Running } from "./running.ts";

export interface RunOptions {
  /** Null: the flags say it all. */
  readonly config: string | null;
  readonly flags: QuickFlags | null;
  readonly logLevel: LogLevel;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Runs until a signal ends it.
 *
 * @returns Exit status 0 after a clean end.
 * @throws SidestreamError when it can't be started.
 */
export async function run(options: RunOptions, out: Output): Promise<number> {
  const log = createLog({ level: options.logLevel, name: "sidestream" });
  const loaded =
    options.config === null ? quickConfiguration(options.flags as QuickFlags) : await loadConfiguration(options.config, options);
  for (const finding of loaded.warnings) out.stderr(`${formatFinding(finding)}\n`);
  if (options.config === null)
    log.warn(`the tenant is taken from the header ${QUICK_TENANT_HEADER}, which is trusted; without it the tenant is "default"`);
  // Before the start, so that a signal that comes while the spool is recovered ends it cleanly too.
  const ending = new Ending(log, () => "the start, which may have a large spool to read, is not through");
  try {
    const running = await Running.start({ loaded, log, logLevel: options.logLevel, healthMayMove: isDefaultHealth(options, loaded) });
    ending.waitsFor(() => running.unfinished());
    log.info({ signal: await ending.asked }, "ending: exchanges and sends under way are completed, the rest stays in the spool");
    await running.stop();
  } finally {
    ending.done();
  }
  log.info("ended");
  return 0;
}

function isDefaultHealth({ flags }: RunOptions, loaded: Loaded): boolean {
  return flags !== null && flags.health === undefined && loaded.health !== null;
}
