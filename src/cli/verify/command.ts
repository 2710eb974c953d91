/** The command `sidestream verify`: what it takes. */
import type { Command } from "commander";
import { resolve } from "node:path";
import type { Environment } from "../../config/secrets.ts";
import { processOutput } from "../output.ts";
import { runVerify } from "./verify.ts";

interface Flags {
  readonly config?: string;
  readonly data?: readonly string[];
  readonly stream?: string;
  readonly json?: boolean;
}

export function addVerify(command: Command, end: (status: number) => void, environment: Environment): void {
  const several = (value: string, before: readonly string[] | undefined) => [...(before ?? []), value];
  command
    .command("verify")
    .description("read a topic, and find what is missing, doubled or out of order by the numbers that messages carry")
    .argument("<target>", "kafka://HOST:PORT,HOST:PORT/TOPIC, file:DIR/TOPIC, or with --config DESTINATION:TOPIC")
    .option(
      "--config <file>",
      "configuration that has the destination, with its TLS and login; with an address, its data folder alone counts",
    )
    .option(
      "--data <dir>",
      "data folder whose logs explain what is missing (may be repeated; one that --config names is looked at too)",
      several,
    )
    .option("--stream <id>", "count the messages of this stream alone")
    .option("--json", "print as JSON")
    .action(async (target: string, { config, data = [], stream, json }: Flags) => {
      const folders = data.map((folder) => resolve(folder));
      const options = { target, config: config ?? null, data: folders, stream: stream ?? null, json: json === true, environment };
      end(await runVerify(options, processOutput));
    });
}
