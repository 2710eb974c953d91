/** The commands that operate on destinations and tenants: what each takes. */
import type { Command } from "commander";
import type { Environment } from "../config/secrets.ts";
import { parseDuration } from "../driver/quantity.ts";
import { SidestreamError } from "../errors.ts";
import { runDiscard } from "./discard.ts";
import { runDrain } from "./drain.ts";
import { givenFlags, quoted } from "./given-flags.ts";
import { runHold } from "./hold.ts";
import { parseMoment } from "./moment.ts";
import { processOutput as out } from "./output.ts";
import { dataFolder, NEEDED_WHERE_NONE_RUNS, placeOf, withPlaceAndJson, type PlaceFlags } from "./place-flags.ts";
import { runTenantPurge } from "./tenant-purge.ts";

type End = (status: number) => void;

interface DiscardFlags extends PlaceFlags {
  readonly stream?: string;
  readonly tenant?: string;
  readonly before?: string;
  readonly yes?: boolean;
}

const DESTINATION = ["<destination>", "its name in the configuration"] as const;
const TIMEOUT_DEFAULT = "10m";

export function addOperate(command: Command, end: End, environment: Environment): void {
  const place = (flags: PlaceFlags) => ({ ...placeOf(flags), json: flags.json === true, environment });
  const pause = command
    .command("pause")
    .description("send nothing to a destination until it is resumed, over restarts, too; taking in goes on");
  withPlaceAndJson(pause.argument(...DESTINATION), NEEDED_WHERE_NONE_RUNS)
    .option("--reason <text>", "why, for those who see it in status")
    .action(async (destination: string, { reason, ...flags }: PlaceFlags & { readonly reason?: string }) =>
      end(await runHold({ action: "pause", destination, reason: reason ?? null, ...place(flags) }, out)),
    );
  const resume = command.command("resume").description("send to a destination again that was paused");
  withPlaceAndJson(resume.argument(...DESTINATION), NEEDED_WHERE_NONE_RUNS).action(async (destination: string, flags: PlaceFlags) =>
    end(await runHold({ action: "resume", destination, reason: null, ...place(flags) }, out)),
  );
  const discard = command.command("discard").description("give up messages that wait for a destination");
  withPlaceAndJson(discard.argument(...DESTINATION), NEEDED_WHERE_NONE_RUNS)
    .option("--stream <id>", "only those of this stream")
    .option("--tenant <name>", "only those of this tenant")
    .option("--before <time>", "only those accepted before: 2026-01-31T08:00:00Z, 2026-01-31, or how long ago, such as 2h")
    .option("--yes", "give them up; without this only count them")
    .action(async (destination: string, flags: DiscardFlags) => {
      const { stream = null, tenant = null, before, yes = false } = flags;
      const beforeMs = before === undefined ? null : parseMoment(before, "--before", Date.now());
      end(await runDiscard({ destination, stream, tenant, beforeMs, yes, given: givenText(destination, flags), ...place(flags) }, out));
    });
  addDrain(command, end, environment);
  const tenants = command.command("tenant").description("what is held of a tenant");
  const purge = tenants
    .command("purge")
    .description("remove everything that is held of a tenant: what waits, dead letters, what was delivered and is still on disk");
  withPlaceAndJson(purge.argument("<tenant>", "its name, as status tells it"), NEEDED_WHERE_NONE_RUNS)
    .option("--yes", "remove it; without this only count it")
    .action(async (tenant: string, { yes = false, ...flags }: PlaceFlags & { readonly yes?: boolean }) =>
      end(await runTenantPurge({ tenant, yes, given: givenText(tenant, flags), ...place(flags) }, out)),
    );
}

function addDrain(command: Command, end: End, environment: Environment): void {
  const drain = command.command("drain").description("wait until all that was accepted up to now is delivered; changes nothing");
  withPlaceAndJson(drain.argument("[destination]", "its name in the configuration; without it all of them"))
    .option("--timeout <duration>", "how long to wait", TIMEOUT_DEFAULT)
    .action(async (destination: string | undefined, { timeout, ...flags }: PlaceFlags & { readonly timeout: string }) => {
      const timeoutMs = parseDuration(timeout);
      if (timeoutMs === undefined)
        throw new SidestreamError("SST_COMMAND_INVALID", `--timeout ${timeout}: expected a duration such as 10m, 30s or 2h`);
      end(
        await runDrain(
          { destination: destination ?? null, data: await dataFolder(flags, environment), timeoutMs, json: flags.json === true },
          out,
        ),
      );
    });
}

/** As it was given, without `--yes`. */
function givenText(name: string, flags: DiscardFlags): string {
  return [quoted(name), ...givenFlags(flags, ["stream", "tenant", "before", "config", "data"])].join(" ");
}
