/** The commands `sidestream dead ...`: what each takes. */
import type { Command } from "commander";
import type { Environment } from "../config/secrets.ts";
import { SidestreamError } from "../errors.ts";
import type { LetterFilter } from "../flow/spool/letter-filter.ts";
import { runDeadAct, type LetterAction } from "./dead/dead-act.ts";
import { runDeadList, runDeadShow } from "./dead/dead-list.ts";
import { parseSpan } from "./moment.ts";
import { givenFlags } from "./given-flags.ts";
import { processLines, processOutput as out } from "./output.ts";
import { dataFolder, NEEDED_WHERE_NONE_RUNS, placeOf, withPlaceAndJson, type PlaceFlags } from "./place-flags.ts";

type End = (status: number) => void;

interface FilterFlags extends PlaceFlags {
  readonly destination?: string;
  readonly stream?: string;
  readonly tenant?: string;
  readonly reason?: string;
  readonly since?: string;
  readonly until?: string;
  readonly id?: string;
}

const FILTER_FLAGS = ["destination", "stream", "tenant", "reason", "since", "until", "id"] as const;
const SHOWN_DEFAULT = 20;

export function addDead(command: Command, end: End, environment: Environment): void {
  const dead = command.command("dead").description("look at dead letters, have them sent once more, or let them go");
  const list = withFilter(dead.command("list").description("count them by destination, stream, tenant and reason"));
  withPlaceAndJson(list).action(async (flags: FilterFlags) => {
    const choice = { ...filterOf(flags), data: await dataFolder(flags, environment) };
    end(await runDeadList({ ...choice, json: flags.json === true }, out));
  });
  const show = withFilter(dead.command("show").description("print them one by one, the oldest first"));
  withPlaceAndJson(show)
    .option("--limit <count>", "how many at most", String(SHOWN_DEFAULT))
    .action(async ({ limit, ...flags }: FilterFlags & { readonly limit: string }) => {
      const choice = { ...filterOf(flags), data: await dataFolder(flags, environment), limit: limitOf(limit) };
      end(await runDeadShow({ ...choice, json: flags.json === true }, processLines()));
    });
  addAct(dead, end, environment, "redrive", "make them messages of their destination's log again");
  addAct(dead, end, environment, "purge", "let them go for good; they stay counted as dead");
}

function addAct(dead: Command, end: End, environment: Environment, action: LetterAction, about: string): void {
  withPlaceAndJson(withFilter(dead.command(action).description(about)), NEEDED_WHERE_NONE_RUNS)
    .option("--yes", "do it; without this only count them")
    .action(async ({ yes = false, ...flags }: FilterFlags & { readonly yes?: boolean }) => {
      const options = {
        action,
        yes,
        ...filterOf(flags),
        ...placeOf(flags),
        json: flags.json === true,
        given: givenText(flags),
        environment,
      };
      end(await runDeadAct(options, out));
    });
}

function withFilter(command: Command): Command {
  return command
    .option("--destination <name>", "only those of this destination")
    .option("--stream <id>", "only those of this stream")
    .option("--tenant <name>", "only those of this tenant")
    .option("--reason <code>", "only those that died for this error, such as SST_DESTINATION_REFUSED")
    .option("--since <time>", "only those that died then or later: 2026-01-31T08:00:00Z, 2026-01-31, or how long ago, such as 2h")
    .option("--until <time>", "only those that died before")
    .option("--id <event>", "only those of the event with this id");
}

function filterOf(flags: FilterFlags): { readonly destination: string | null; readonly filter: LetterFilter } {
  const { destination = null, stream, tenant, reason, since, until, id } = flags;
  const { fromMs, toMs } = parseSpan(since, until, ["--since", "--until"]);
  const filter = {
    ...(stream === undefined ? {} : { stream }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(reason === undefined ? {} : { reason }),
    ...(fromMs === null ? {} : { sinceMs: fromMs }),
    ...(toMs === null ? {} : { untilMs: toMs }),
    ...(id === undefined ? {} : { eventId: id }),
  };
  return { destination, filter };
}

function limitOf(text: string): number {
  const limit = Number(text);
  if (/^\d{1,9}$/.test(text) && limit > 0) return limit;
  throw new SidestreamError("SST_COMMAND_INVALID", `--limit ${text}: expected a whole number from 1 on`);
}

/** The same flags once more, for the shell. */
function givenText(flags: FilterFlags): string {
  return givenFlags(flags, [...FILTER_FLAGS, "config", "data"])
    .map((flag) => `${flag} `)
    .join("");
}
