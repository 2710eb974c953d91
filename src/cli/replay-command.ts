/** The command `sidestream replay`: what it takes. */
import type { Command } from "commander";
import type { Environment } from "../config/secrets.ts";
import { SidestreamError } from "../errors.ts";
import { RATE_MAX } from "./control/replay-command.ts";
import { parseSpan } from "./moment.ts";
import { processOutput as out } from "./output.ts";
import { dataFolder, withPlaceAndJson, type PlaceFlags } from "./place-flags.ts";
import { runReplay, type ReplayOptions } from "./replay.ts";

interface Flags extends PlaceFlags {
  readonly destination?: string;
  readonly from?: string;
  readonly to?: string;
  readonly stream?: string;
  readonly tenant?: string;
  readonly rule?: string;
  readonly id?: string;
  readonly into?: string;
  readonly rate: string;
  readonly after?: string;
  readonly check?: boolean;
  readonly yes?: boolean;
}

const RATE_DEFAULT = 100;

export function addReplay(command: Command, end: (status: number) => void, environment: Environment): void {
  const replay = command.command("replay").description("have messages that a destination had sent once more, from its log and its archive");
  withPlaceAndJson(
    replay
      .option("--destination <name>", "whose messages; may be left out where there is one destination")
      .option("--from <time>", "only those accepted then or later: 2026-01-31T08:00:00Z, 2026-01-31, or how long ago, such as 2h")
      .option("--to <time>", "only those accepted before")
      .option("--stream <id>", "only those of this stream")
      .option("--tenant <name>", "only those of this tenant")
      .option("--rule <number>", "only those of the rule at this place in its descriptor, from 1")
      .option("--id <event>", "only those of the event with this id")
      .option("--into <target>", "DESTINATION or DESTINATION:TOPIC that they are sent to (default: where each was sent before)")
      .option("--rate <count>", "messages a second, such as 500/s", `${RATE_DEFAULT}/s`)
      .option("--after <number>", "begin behind this number of the log, as a replay that was ended told it")
      .option("--check", "only count them")
      .option("--yes", "do it; without this only count them"),
  ).action(async (flags: Flags) => {
    end(await runReplay({ ...optionsOf(flags), data: await dataFolder(flags, environment), environment }, out));
  });
}

function optionsOf(flags: Flags): Omit<ReplayOptions, "data" | "environment"> {
  const { destination = null, from, to, stream = null, tenant = null, rule, id: eventId = null, into, rate, after } = flags;
  return {
    destination,
    filter: {
      ...parseSpan(from, to, ["--from", "--to"]),
      stream,
      tenant,
      rule: rule === undefined ? null : wholeNumber(rule, "--rule", 1),
      eventId,
    },
    into: into === undefined ? null : targetOf(into),
    rate: wholeNumber(rate.replace(/\/s$/, ""), "--rate", 1, RATE_MAX),
    after: after === undefined ? 0 : wholeNumber(after, "--after", 0),
    check: flags.check === true,
    yes: flags.yes === true,
    json: flags.json === true,
  };
}

function targetOf(into: string): { readonly destination: string; readonly topic: string | null } {
  const at = into.indexOf(":");
  const [destination, topic] = at < 0 ? [into, null] : [into.slice(0, at), into.slice(at + 1)];
  if (destination !== "" && topic !== "") return { destination, topic };
  throw new SidestreamError("SST_COMMAND_INVALID", `--into ${into}: expected DESTINATION or DESTINATION:TOPIC`);
}

function wholeNumber(text: string, flag: string, min: number, max = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text);
  if (/^\d{1,16}$/.test(text) && value >= min && value <= max) return value;
  throw new SidestreamError("SST_COMMAND_INVALID", `${flag} ${text}: expected a whole number from ${min} to ${max}`);
}
