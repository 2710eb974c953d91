/** The commands `sidestream acapy …`: what they take. */
import type { Command } from "commander";
import type { Environment } from "../../config/secrets.ts";
import { processOutput } from "../output.ts";
import { readAccess, withAccess, type AccessFlags } from "./access-flags.ts";
import { runDoctor } from "./doctor.ts";

interface DoctorFlags extends AccessFlags {
  readonly webhook?: readonly string[];
  readonly json?: boolean;
}

export function addAcapy(command: Command, end: (status: number) => void, environment: Environment): void {
  const several = (value: string, before: readonly string[] | undefined) => [...(before ?? []), value];
  const acapy = command.command("acapy").description("ask an ACA-Py agent what becomes of its events");
  withAccess(acapy.command("doctor").description("find wallets of an agent whose events would not arrive, and say what to do"), "5m")
    .option(
      "--webhook <url>",
      "Sidestream's webhook source as the agent knows it (may be repeated; without it, the agent's --webhook-url)",
      several,
    )
    .option("--json", "print as JSON")
    .action(async (flags: DoctorFlags) => {
      const { access, timeoutMs } = await readAccess(flags, environment);
      end(await runDoctor({ access, timeoutMs, webhooks: flags.webhook ?? [], json: flags.json === true }, processOutput));
    });
}
