/** The command `sidestream test`: what it takes. */
import type { Command } from "commander";
import type { Environment } from "../../config/secrets.ts";
import { ENV_DEFAULT } from "../descriptor-settings.ts";
import { processOutput as out } from "../output.ts";
import { runTests } from "./run-tests.ts";

interface Flags {
  readonly config?: string;
  readonly env?: string;
  readonly junit?: string;
  readonly json?: boolean;
}

export function addTest(command: Command, end: (status: number) => void, environment: Environment): void {
  command
    .command("test")
    .description("run the tests of message stream descriptors; nothing is started or sent")
    .argument("[path...]", "descriptors, files *.test.yaml, and folders that are searched for them (default: the working directory)")
    .option("--config <file>", "configuration whose descriptors are tested, and that says what {env} stands for")
    .option("--env <name>", `what {env} stands for (default: as the configuration says, else ${ENV_DEFAULT})`)
    .option("--junit <file>", "write the results as JUnit XML, too")
    .option("--json", "print as JSON")
    .action(async (paths: readonly string[], { config = null, env = null, junit = null, json = false }: Nullable<Flags>) =>
      end(await runTests({ paths, config, env, junit, json: json === true, environment }, out)),
    );
}

/** What wasn't given is null from here on. */
type Nullable<Given> = { readonly [Name in keyof Given]: Given[Name] | null };
