/** The commands `sidestream spool ...`: what each takes. */
import type { Command } from "commander";
import { IDENTITY_ACTIONS, type IdentityAction } from "../flow/identity-act.ts";
import { processLines, processOutput as out } from "./output.ts";
import { dataFolder, NEEDED_WHERE_NONE_RUNS, placeOf, withPlace, withPlaceAndJson, type PlaceFlags } from "./place-flags.ts";
import { runSpoolAdopt } from "./spool-adopt.ts";
import { runSpoolExport } from "./spool-export.ts";
import { runSpoolIdentity } from "./spool-identity.ts";
import { runSpoolPurge } from "./spool-purge.ts";
import { runSpoolResolve } from "./spool-resolve.ts";
import { runSpoolFsck, runSpoolInspect } from "./spool.ts";
import type { Environment } from "../config/secrets.ts";

type End = (status: number) => void;

const IDENTITY_ABOUT: Readonly<Record<IdentityAction, string>> = {
  show: "what the destination is known by",
  accept: "go on with a cluster or topic that is another one than before",
  reset: "forget who this log was there and begin anew",
};

export function addSpool(command: Command, end: End, environment: Environment): void {
  const spool = command.command("spool").description("look at the spool on disk, and decide over logs and identities");
  const place = async (flags: PlaceFlags) => ({ data: await dataFolder(flags, environment), json: flags.json === true });
  withPlaceAndJson(spool.command("inspect").description("list logs and segments")).action(async (flags: PlaceFlags) =>
    end(await runSpoolInspect(await place(flags), out)),
  );
  withPlaceAndJson(
    spool
      .command("fsck")
      .description(
        "read every byte and report what is damaged; the program must not run. Nothing is written, so a read-only folder will do",
      ),
  ).action(async (flags: PlaceFlags) => end(await runSpoolFsck(await place(flags), out)));
  addExport(spool, end, environment);
  addOrphans(spool, end, environment);
  addIdentity(spool, end, environment);
  addResolve(spool, end, environment);
}

function addResolve(spool: Command, end: End, environment: Environment): void {
  interface Flags extends PlaceFlags {
    readonly resend?: boolean;
    readonly skip?: boolean;
    readonly through?: string;
  }
  const about = "show what lanes stopped over, since nobody can tell whether it arrived, and decide";
  withPlaceAndJson(
    spool
      .command("resolve")
      .description(about)
      .argument("<lane>", "DESTINATION:LANE, as status tells it; or DESTINATION for every lane that stopped"),
  )
    .option("--resend", "send all of it again")
    .option("--skip", "leave it out and go on behind it")
    .option("--through <number>", "with --skip: leave out no more than the messages up to this number, send the others")
    .action(async (lane: string, { resend = false, skip = false, through, ...flags }: Flags) => {
      const place = { data: await dataFolder(flags, environment), json: flags.json === true };
      end(await runSpoolResolve({ lane, resend, skip, through: through ?? null, ...place, environment }, out));
    });
}

function addExport(spool: Command, end: End, environment: Environment): void {
  interface Flags extends PlaceFlags {
    readonly dead?: boolean;
    readonly pending?: boolean;
  }
  const about = "print every message of a log that can be read, one JSON object a line";
  withPlace(spool.command("export").description(about).argument("<log>", "its name, or with a slash in it the path of a log's folder"))
    .option("--dead", "the dead letters instead")
    .option("--pending", "only messages that are not done")
    .action(async (log: string, { dead = false, pending = false, ...flags }: Flags) =>
      end(await runSpoolExport({ log, dead, pending, data: await dataFolder(flags, environment) }, processLines())),
    );
}

function addOrphans(spool: Command, end: End, environment: Environment): void {
  const log = ["<log>", "its name, as status tells it; no destination of the configuration has it"] as const;
  const adopt = spool.command("adopt").description("have a destination deliver what waits in a log whose own destination is gone");
  withPlaceAndJson(adopt.argument(...log).argument("<destination>", "its name in the configuration"), NEEDED_WHERE_NONE_RUNS).action(
    async (name: string, destination: string, flags: PlaceFlags) => {
      const options = { log: name, destination, ...placeOf(flags), json: flags.json === true, environment };
      end(await runSpoolAdopt(options, out));
    },
  );
  const purge = spool.command("purge").description("remove a log whose destination is gone, with its dead letters");
  withPlaceAndJson(purge.argument(...log), NEEDED_WHERE_NONE_RUNS)
    .option("--yes", "remove it; without this only tell what is in it")
    .action(async (name: string, { yes = false, ...flags }: PlaceFlags & { readonly yes?: boolean }) => {
      end(await runSpoolPurge({ log: name, yes, ...placeOf(flags), json: flags.json === true, environment }, out));
    });
}

function addIdentity(spool: Command, end: End, environment: Environment): void {
  const identity = spool.command("identity").description("look at a destination's identity, and decide when it changed");
  for (const action of IDENTITY_ACTIONS) {
    withPlaceAndJson(
      identity.command(action).description(IDENTITY_ABOUT[action]).argument("<destination>", "its name in the configuration"),
      NEEDED_WHERE_NONE_RUNS,
    ).action(async (destination: string, flags: PlaceFlags) => {
      end(await runSpoolIdentity({ action, destination, ...placeOf(flags), json: flags.json === true, environment }, out));
    });
  }
}
