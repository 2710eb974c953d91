/** The command `sidestream explain`: what it takes. */
import type { Command } from "commander";
import type { Environment } from "../../config/secrets.ts";
import { SidestreamError } from "../../errors.ts";
import { processOutput as out } from "../output.ts";
import { ENV_DEFAULT } from "../descriptor-settings.ts";
import { runExplain } from "./run-explain.ts";

interface Flags {
  readonly event?: string;
  readonly id?: string;
  readonly destination?: string;
  readonly config?: string;
  readonly data?: string;
  readonly env?: string;
  readonly stream?: string;
  readonly rule?: string;
  readonly json?: boolean;
}

export function addExplain(command: Command, end: (status: number) => void, environment: Environment): void {
  command
    .command("explain")
    .description("what the rules make of an event, and why: each term true, false or unknown, and the messages that result")
    .argument("[descriptor...]", "message stream descriptors, instead of --config")
    .option("--event <file>", "the event: written as in a test, or a message as Sidestream wrote it; - for standard input")
    .option(
      "--id <event>",
      "the event with this id, from the event log, or from a message of it that is on disk: a dead letter, one that waits, one that is retained",
    )
    .option("--destination <name>", "only a message of this destination")
    .option("--config <file>", "configuration whose streams explain it")
    .option("--data <dir>", "data folder for --id (default: that of the configuration)")
    .option("--env <name>", `what {env} stands for (default: as the configuration says, else ${ENV_DEFAULT})`)
    .option("--stream <id>", "only this stream")
    .option("--rule <number>", "only the rule at this place in its descriptor, from 1")
    .option("--json", "print as JSON")
    .action(async (files: readonly string[], flags: Flags) => {
      const { event = null, id = null, destination = null, config = null, data = null, env = null, stream = null, rule } = flags;
      const number = rule === undefined ? null : ruleNumber(rule);
      const options = { files, event, id, destination, config, data, env, stream, rule: number, json: flags.json === true, environment };
      end(await runExplain(options, process.stdin, out));
    });
}

function ruleNumber(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new SidestreamError("SST_COMMAND_INVALID", `--rule ${text}: expected the place of a rule, from 1`);
}
