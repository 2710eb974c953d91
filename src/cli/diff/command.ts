/** The command `sidestream diff`: what it takes. */
import type { Command } from "commander";
import { loadConfiguration } from "../../config/load.ts";
import type { Environment } from "../../config/secrets.ts";
import { SidestreamError } from "../../errors.ts";
import { ENV_DEFAULT } from "../descriptor-settings.ts";
import { parseMoment } from "../moment.ts";
import { processOutput as out } from "../output.ts";
import { runDiff } from "./run-diff.ts";

interface Flags {
  readonly since: string;
  readonly config?: string;
  readonly data?: string;
  readonly events?: string;
  readonly stream?: string;
  readonly env?: string;
  readonly wider?: boolean;
  readonly json?: boolean;
}

const SINCE_DEFAULT = "1h";

export function addDiff(command: Command, end: (status: number) => void, environment: Environment): void {
  command
    .command("diff")
    .description("what other rules would change, tried on the events that `keepEvents` kept; nothing is sent")
    .argument("<old>", "message stream descriptor or configuration, as it is")
    .argument("<new>", "the same as it is to be")
    .option("--since <time>", "only events since then: 2026-01-31T08:00:00Z, 2026-01-31, or how long ago, such as 2h", SINCE_DEFAULT)
    .option("--config <file>", "configuration that names the data folder (default: NEW or OLD, where one is a configuration)")
    .option("--data <dir>", "data folder, instead of --config")
    .option("--events <file>", "file with one event a line, instead of a data folder; all of it unless --since is given")
    .option("--stream <id>", "only this stream")
    .option("--env <name>", `what {env} stands for (default: as the configurations say, else ${ENV_DEFAULT})`)
    .option("--wider", "tell also which term alone kept events out of a rule")
    .option("--json", "print as JSON")
    .action(async (before: string, after: string, flags: Flags, own: Command) => {
      const { config, events = null, stream = null, env = null, since, wider = false, json = false } = flags;
      if ([config, flags.data, flags.events].filter((given) => given !== undefined).length > 1)
        throw new SidestreamError("SST_COMMAND_INVALID", "--config, --data and --events each say where the events are: give one of them");
      const data = config === undefined ? (flags.data ?? null) : (await loadConfiguration(config, { environment })).settings.dataFolder;
      const isSinceGiven = own.getOptionValueSource("since") !== "default";
      const sinceMs = events === null || isSinceGiven ? parseMoment(since, "--since", Date.now()) : null;
      end(await runDiff({ before, after, data, events, sinceMs, stream, env, wider, json, environment }, out));
    });
}
