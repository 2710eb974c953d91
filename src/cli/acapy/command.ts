/** The commands `sidestream acapy …`: what they take. */
import type { Command } from "commander";
import type { Environment } from "../../config/secrets.ts";
import { SidestreamError } from "../../errors.ts";
import { parseMoment } from "../moment.ts";
import { processOutput } from "../output.ts";
import { withPlace, type PlaceFlags } from "../place-flags.ts";
import { readAccess, webhooksOf, withAccess, type AccessFlags } from "./access-flags.ts";
import { runDoctor } from "./doctor.ts";
import { runReconcile, SETTLE_MS } from "./reconcile.ts";
import { CATEGORIES } from "./record-listings.ts";
import { findStates } from "./states-place.ts";
import { renewedToken, tokensOf, type TokenOf } from "./wallet-tokens.ts";

type End = (status: number) => void;

interface DoctorFlags extends AccessFlags {
  readonly webhook?: readonly string[];
  readonly json?: boolean;
}

interface ReconcileFlags extends AccessFlags, PlaceFlags {
  readonly since: string;
  readonly category?: readonly string[];
  readonly tokensFile?: string;
  readonly renewTokens?: boolean;
}

const several = (value: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), value];

export function addAcapy(command: Command, end: End, environment: Environment): void {
  const acapy = command.command("acapy").description("ask an ACA-Py agent what becomes of its events");
  addDoctor(acapy, end, environment);
  addReconcile(acapy, end, environment);
}

function addDoctor(acapy: Command, end: End, environment: Environment): void {
  withAccess(acapy.command("doctor").description("find wallets of an agent whose events would not arrive, and say what to do"), "5m")
    .option(
      "--webhook <url>",
      "Sidestream's webhook source as the agent knows it (may be repeated; without it, the agent's --webhook-url)",
      several,
    )
    .option("--json", "print as JSON")
    .action(async (flags: DoctorFlags) => {
      const { access, timeoutMs } = await readAccess(flags, environment);
      const webhooks = webhooksOf(flags.webhook);
      end(await runDoctor({ access, timeoutMs, webhooks, json: flags.json === true }, processOutput));
    });
}

function addReconcile(acapy: Command, end: End, environment: Environment): void {
  const reconcile = acapy.command("reconcile").description("find changes of an agent's records that were never journaled");
  withPlace(withAccess(reconcile, "10m"))
    .requiredOption("--since <time>", "changes since then: 2026-01-31T08:00:00Z, 2026-01-31, or how long ago, such as 2h")
    .option("--category <name>", "only records of this kind (may be repeated)", several)
    .option("--tokens-file <file>", 'file with the tokens of the agent\'s tenants, JSON: {"WALLET": "TOKEN"}')
    .option("--renew-tokens", "have the agent make a new token for each tenant; those in use are refused from then on")
    .option("--json", "print as JSON")
    .action(async (flags: ReconcileFlags) => {
      const { access, timeoutMs } = await readAccess(flags, environment);
      const sinceMs = parseMoment(flags.since, "--since", Date.now());
      const categories = categoriesOf(flags.category);
      const tokenOf = await tokens(flags);
      const states = await findStates(flags, flags.since, sinceMs, environment);
      const options = { access, timeoutMs, states, sinceMs, categories, tokenOf, settleMs: SETTLE_MS, json: flags.json === true };
      end(await runReconcile(options, processOutput));
    });
}

function categoriesOf(named: readonly string[] | undefined): readonly string[] {
  const unknown = named?.find((name) => !CATEGORIES.includes(name));
  if (unknown === undefined) return named ?? CATEGORIES;
  throw new SidestreamError("SST_COMMAND_INVALID", `--category ${unknown}: expected ${CATEGORIES.join(", ")}`);
}

async function tokens({ tokensFile, renewTokens }: ReconcileFlags): Promise<TokenOf | null> {
  if (tokensFile !== undefined && renewTokens === true)
    throw new SidestreamError("SST_COMMAND_INVALID", "--tokens-file and --renew-tokens can't be used together");
  if (renewTokens === true) return renewedToken;
  return tokensFile === undefined ? null : await tokensOf(tokensFile);
}
