/** Brings the event and the streams together for `sidestream explain`. */
import { loadConfiguration } from "../../config/load.ts";
import type { Environment } from "../../config/secrets.ts";
import { SidestreamError } from "../../errors.ts";
import type { DrySettings } from "../../flow/dry-run.ts";
import { findEvent } from "../../flow/event-log/reading.ts";
import { assertDataFolder } from "../data-folder.ts";
import { descriptorSettings } from "../descriptor-settings.ts";
import type { Output } from "../output.ts";
import { answerJson, answerText } from "./answer-text.ts";
import { readEventFile, type GivenEvent } from "./event-file.ts";
import { explain, type DormantRules, type ExplainScope } from "./explain.ts";
import { findMessage } from "./held-message.ts";

export interface ExplainOptions extends ExplainScope {
  /** Descriptors. */
  readonly files: readonly string[];
  readonly config: string | null;
  readonly env: string | null;
  /** File of the event, `-` for standard input; null: it is on disk. */
  readonly event: string | null;
  /** Id of an event that is in the event log, or of which a message is on disk. */
  readonly id: string | null;
  readonly destination: string | null;
  /** Data folder; null: that of the configuration. */
  readonly data: string | null;
  readonly json: boolean;
  readonly environment: Environment;
}

/**
 * @param input - Standard input.
 * @returns Exit status 0, whatever the rules say.
 * @throws ConfigurationError; SidestreamError `SST_COMMAND_INVALID`, `SST_DATA_MISSING`, what the disk says.
 */
export async function runExplain(options: ExplainOptions, input: AsyncIterable<Uint8Array>, out: Output): Promise<number> {
  const { event, id, json, files, config } = options;
  if ((event === null) === (id === null))
    throw invalid("say what is to be explained: either --event FILE (- for standard input) or --id EVENT");
  if ((files.length === 0) === (config === null)) throw invalid("say whose rules are to explain it: either --config FILE or descriptors");
  const { settings, dataFolder, dormant } = await settingsOf(options);
  const given = event === null ? await held(options, dataFolder, out) : await readEventFile(event, input);
  const answer = explain(given, settings, options, dormant);
  out.stdout(json ? answerJson(answer) : answerText(answer));
  return 0;
}

async function held({ id, destination, stream }: ExplainOptions, data: string | null, out: Output): Promise<GivenEvent> {
  if (data === null) throw invalid("say where the event is with --data DIR, or with --config FILE");
  await assertDataFolder(data);
  const eventId = id ?? "";
  // The event itself tells more than a message, of which its stream may have left out a part.
  const kept = destination === null ? await findEvent(data, eventId) : null;
  const message =
    kept === null
      ? await findMessage({ data, eventId, destination, stream: destination === null ? null : stream }, out)
      : { ...kept, headers: [] };
  out.stderr(`found in ${message.place}\n`);
  return { event: null, message };
}

interface Place {
  readonly settings: DrySettings;
  /** Null: nobody said. */
  readonly dataFolder: string | null;
  readonly dormant: DormantRules;
}

async function settingsOf(options: ExplainOptions): Promise<Place> {
  const { config, env, data, environment, files } = options;
  if (config !== null) {
    const { settings, dormant } = await loadConfiguration(config, { environment });
    const rules = dormant.filter(({ kind }) => kind === "rule").map(({ name, reason }) => [name, reason] as const);
    return { settings: { ...settings, env: env ?? settings.env }, dataFolder: data ?? settings.dataFolder, dormant: new Map(rules) };
  }
  return { settings: await descriptorSettings(files, env, "explain"), dataFolder: data, dormant: new Map() };
}

function invalid(text: string): SidestreamError {
  return new SidestreamError("SST_COMMAND_INVALID", text);
}
