/** `sidestream run`: starts the program and keeps it running until a signal ends it. */
import { loadConfiguration, type Loaded } from "../config/load.ts";
import { QUICK_TENANT_HEADER, quickConfiguration, type QuickFlags } from "../config/quick.ts";
import { formatFinding } from "../config/finding.ts";
import { createLog, type Log, type LogLevel } from "../observe/log.ts";
import type { Output } from "./output.ts";
import { Running } from "./running.ts";

export interface RunOptions {
  /** Null: the flags say it all. */
  readonly config: string | null;
  readonly flags: QuickFlags | null;
  readonly logLevel: LogLevel;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Exit status when a second signal cut the clean end short. */
const EXIT_CUT_SHORT = 130;
const ENDING_SIGNALS = ["SIGINT", "SIGTERM"] as const;

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
  const signal = firstSignal(log);
  const running = await Running.start({ loaded, log, logLevel: options.logLevel, healthMayMove: isDefaultHealth(options, loaded) });
  log.info({ signal: await signal }, "ending: exchanges and sends under way are completed, the rest stays in the spool");
  for (const name of ENDING_SIGNALS) process.once(name, () => process.exit(EXIT_CUT_SHORT));
  await running.stop();
  log.info("ended");
  return 0;
}

function isDefaultHealth({ flags }: RunOptions, loaded: Loaded): boolean {
  return flags !== null && flags.health === undefined && loaded.health !== null;
}

/** Settles with the first signal that asks the program to end. */
function firstSignal(log: Log): Promise<string> {
  process.on("SIGHUP", () => log.warn("reloading is not available yet; restart to load a changed configuration"));
  return new Promise((resolve) => {
    for (const name of ENDING_SIGNALS) process.once(name, () => resolve(name));
  });
}
