/**
 * ACA-Py agents for trying things out: starts one that ends with Ctrl-C, without Docker and without root.
 *
 *   npm run acapy -- help
 */
import { Command, InvalidArgumentError, Option } from "commander";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse } from "yaml";
import { startAgent } from "./agent.ts";
import { AGENT_VERSION, agentPythonMinor, agentRequirement, constraintsFile } from "./agent-venv.ts";
import { findPython } from "../python.ts";
import { createTenant } from "./tenant.ts";

const run = promisify(execFile);
const INSTALL_MS_MAX = 600_000;

interface UpOptions {
  readonly version: string;
  readonly tenant: readonly string[];
  readonly webhookUrl: readonly string[];
  readonly plugin: readonly string[];
  readonly pluginFolder: readonly string[];
  readonly pluginConfig?: string;
  readonly base?: number;
}

async function up(more: readonly string[], options: UpOptions): Promise<void> {
  const { pluginConfig, base } = options;
  await using agent = await startAgent({
    name: "agent",
    version: options.version,
    webhookUrls: options.webhookUrl,
    plugins: options.plugin,
    pluginFolders: options.pluginFolder,
    extraArguments: more,
    ...(base === undefined ? {} : { basePort: base }),
    ...(pluginConfig === undefined ? {} : { pluginConfig: parse(readFileSync(pluginConfig, "utf8")) as Record<string, unknown> }),
  });
  console.log(`agent ${options.version}, process ${agent.pid}, log ${agent.logFile}`);
  console.log(`  admin API       ${agent.admin.url}/api/doc`);
  console.log(`  other agents    ${agent.url}`);
  for (const label of options.tenant) {
    const { walletId, token } = await createTenant(agent, { label });
    console.log(`  tenant ${label.padEnd(8)} ${walletId}\n    authorization: Bearer ${token}`);
  }
  console.log("Ctrl-C ends it and removes its wallets.");
  await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM"), agent.untilEnded()]);
  if (agent.pid === null) throw new Error(`the agent ended:\n${agent.output}`);
  await agent.stop();
}

/** Installs an agent with what is new today, and writes down which versions that were. */
async function constraints(version: string): Promise<void> {
  const minor = agentPythonMinor(version);
  const python = await findPython(minor);
  if (python === null) throw new Error(`this machine lacks Python 3.${minor} or newer`);
  const folder = mkdtempSync(join(tmpdir(), "sidestream-constraints-"));
  try {
    const environment = join(folder, "venv");
    await run(python, ["-m", "venv", environment], { timeout: INSTALL_MS_MAX });
    const pip = async (...words: string[]) => await run(join(environment, "bin/pip"), words, { timeout: INSTALL_MS_MAX });
    await pip("install", "--quiet", "--no-input", "--disable-pip-version-check", agentRequirement(version));
    writeFileSync(constraintsFile(version), (await pip("freeze")).stdout);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function portNumber(text: string): number {
  if (!/^[1-9]\d*$/u.test(text)) throw new InvalidArgumentError("Expected a whole number.");
  return Number(text);
}

function commandLine(): Command {
  const program = new Command("npm run acapy --").description("Runs an ACA-Py agent on this machine, for trying things out.");
  const often = (flags: string, summary: string): Option =>
    new Option(flags, `${summary}; may be given often`)
      .argParser((text: string, before: readonly string[]) => [...before, text])
      .default([] as readonly string[], "none");
  program
    .command("up")
    .description("Starts an agent, with tenants and without a ledger. The first time, installs it.")
    .addOption(new Option("--version <version>", "of acapy-agent").default(AGENT_VERSION))
    .addOption(new Option("--base <port>", "first of two ports; free ones are found without it").argParser(portNumber))
    .addOption(often("--tenant <label>", "a tenant to make"))
    .addOption(often("--webhook-url <url>", "where webhooks go; what follows # is the key"))
    .addOption(often("--plugin <module>", "a plugin"))
    .addOption(often("--plugin-folder <folder>", "where Python looks for plugins"))
    .option("--plugin-config <file>", "configuration of plugins, YAML")
    .argument("[more...]", "more for aca-py, behind --")
    .action(up);
  program
    .command("constraints <version>")
    .description("Renews the list of packages that agents of this version are installed with.")
    .action(constraints);
  return program;
}

try {
  await commandLine().parseAsync();
} catch (problem) {
  console.error(problem instanceof Error ? problem.message : problem);
  process.exitCode = 1;
}
