/** The command line: what there is, what it takes, and how it ends. Exit statuses are listed in docs/cli.md. */
import { Command, CommanderError, Option } from "commander";
import { QUICK_DATA_FOLDER } from "../config/quick.ts";
import { registerBuiltInDrivers } from "../drivers.ts";
import { isSidestreamError } from "../errors.ts";
import { LOG_LEVELS, type LogLevel } from "../observe/log.ts";
import { VERSION } from "../version.ts";
import { addAcapy } from "./acapy/command.ts";
import { runCheck } from "./check.ts";
import { addDead } from "./dead-commands.ts";
import { runDemo } from "./demo/demo.ts";
import { addDiff } from "./diff/command.ts";
import { addExplain } from "./explain/command.ts";
import { addOperate } from "./operate-commands.ts";
import { processOutput as out, watchOutput } from "./output.ts";
import { dataFolder, withPlaceAndJson, type PlaceFlags } from "./place-flags.ts";
import { addReplay } from "./replay-command.ts";
import { run } from "./run.ts";
import { runSchema, type SchemaKind } from "./schema.ts";
import { addSpool } from "./spool-commands.ts";
import { runStatus } from "./status.ts";
import { addTest } from "./test/command.ts";
import { runValidate } from "./validate.ts";
import { addVerify } from "./verify/command.ts";

const EXIT_USAGE = 2;
const EXIT_OUR_FAULT = 70;
/** Time that a command whose answer is printed may take to end by itself. */
const LINGER_MS = 1_000;

interface RunFlags {
  readonly config?: string;
  readonly listen?: string;
  readonly upstream?: string;
  readonly to?: string[];
  readonly rule?: string[];
  readonly spool?: string;
  readonly capture?: string;
  readonly delivery?: string;
  readonly health?: string;
  readonly logLevel: LogLevel;
}

function program(end: (status: number) => void): Command {
  const command = new Command("sidestream")
    .description("Draws events off an API platform's traffic and delivers them to message queues.")
    .version(VERSION)
    .showSuggestionAfterError()
    .exitOverride();
  addRun(command, end);
  command
    .command("validate")
    .description("check configurations and message stream descriptors; nothing is started")
    .argument("<file...>", "configurations, descriptors, files of tests, assignments files")
    .option("--json", "print findings as JSON")
    .action(async (files: string[], flags: { json?: boolean }) =>
      end(await runValidate(files, { json: flags.json === true, environment: process.env }, out)),
    );
  addCheck(command, end);
  addTest(command, end, process.env);
  addExplain(command, end, process.env);
  addDiff(command, end, process.env);
  command
    .command("schema")
    .description("print a JSON Schema; without a kind, the list of kinds")
    .argument("[kind]", "configuration, stream, tests or data")
    .action(async (kind: SchemaKind | undefined) => end(await runSchema(kind, out)));
  withPlaceAndJson(command.command("status").description("ask the running program how it does")).action(async (flags: PlaceFlags) =>
    end(await runStatus(await dataFolder(flags, process.env), { json: flags.json === true }, out)),
  );
  addSpool(command, end, process.env);
  addReplay(command, end, process.env);
  addOperate(command, end, process.env);
  addDead(command, end, process.env);
  addVerify(command, end, process.env);
  addAcapy(command, end, process.env);
  command
    .command("demo")
    .description("run a sample library with traffic, Sidestream before it, and show the messages")
    .option("--kafka <host:port>", "publish to this Kafka cluster too (may also be given as DEMO_KAFKA)")
    .action(async ({ kafka = process.env["DEMO_KAFKA"] }: { kafka?: string }) =>
      end(await runDemo({ seconds: process.env["DEMO_SECONDS"], kafka: kafka === "" ? undefined : kafka }, out)),
    );
  return command;
}

function addCheck(command: Command, end: (status: number) => void): void {
  command
    .command("check")
    .description("as validate; with --connect each destination is opened and looked at, and nothing is sent")
    .argument("<file...>", "configurations, descriptors, files of tests, assignments files")
    .option("--connect", "open the destinations and say what is wrong with them")
    .option("--json", "print as JSON")
    .action(async (files: string[], flags: { connect?: boolean; json?: boolean }) => {
      const options = { connect: flags.connect === true, json: flags.json === true, environment: process.env };
      end(await runCheck(files, options, out));
      // A driver that was given up on may hold a socket; all that matters was said.
      setTimeout(() => process.exit(), LINGER_MS).unref();
    });
}

function addRun(command: Command, end: (status: number) => void): void {
  const several = (value: string, before: string[] | undefined) => [...(before ?? []), value];
  command
    .command("run")
    .description("run with a configuration file, or with --listen and --upstream and no file at all")
    .option("--config <file>", "the configuration; with it only --log-level may be given")
    .option("--listen <host:port>", "address of the gateway")
    .option("--upstream <url>", "where requests are forwarded to")
    .option("--to <destination>", "file:DIR, stdout: or kafka://HOST:PORT,HOST:PORT/TOPIC (may be repeated; default: stdout:)", several)
    .option("--rule <rule>", "selection criteria, or a whole rule; without one everything is published (may be repeated)", several)
    .option("--spool <dir>", `data folder (default: ${QUICK_DATA_FOLDER})`)
    .option("--capture <value>", "what an answer waits for: best-effort or durable (default: best-effort)")
    .option("--delivery <value>", "the promise to the destination: at-most-once, at-least-once or exactly-once (default: at-least-once)")
    .option(
      "--health <host:port>",
      "address for /live, /ready and /metrics, or off (default: 127.0.0.1:9464, or a free port where it is taken)",
    )
    .addOption(new Option("--log-level <level>", "least severity that is logged").choices(LOG_LEVELS).default("info"))
    .action(async (flags: RunFlags, self: Command) => {
      const { config, logLevel, ...rest } = flags;
      const given = Object.keys(rest).map((name) => `--${name}`);
      if (config !== undefined && given.length > 0)
        self.error(`error: ${given.join(" and ")} can't be used with --config: put it into the file`, { exitCode: EXIT_USAGE });
      if (config === undefined && (rest.listen === undefined || rest.upstream === undefined)) {
        self.error("error: name a configuration with --config FILE, or give --listen HOST:PORT and --upstream URL", {
          exitCode: EXIT_USAGE,
        });
      }
      const quick = config === undefined ? { ...rest, listen: rest.listen as string, upstream: rest.upstream as string } : null;
      end(await run({ config: config ?? null, flags: quick, logLevel, environment: process.env }, out));
    });
}

function exitStatusOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  if (!isSidestreamError(error)) {
    out.stderr(`sidestream met a fault of its own:\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return EXIT_OUR_FAULT;
  }
  out.stderr(`${error.message}\n${error.code}: ${error.hint}\n`);
  return error.exit;
}

/** Runs one command and leaves its exit status to the process. */
export async function main(argv: readonly string[]): Promise<void> {
  watchOutput();
  registerBuiltInDrivers();
  try {
    await program((status) => (process.exitCode = status)).parseAsync([...argv]);
  } catch (error) {
    process.exitCode = exitStatusOf(error);
  }
}

await main(process.argv);
