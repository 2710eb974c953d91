/** Brings the event and the streams together for `sidestream explain`. */
import type { DescribedStream } from "../../config/descriptor.ts";
import { readDescriptors } from "../../config/descriptor-files.ts";
import { Findings } from "../../config/finding.ts";
import { loadConfiguration } from "../../config/load.ts";
import { configurationSchema } from "../../config/schema.ts";
import type { Environment } from "../../config/secrets.ts";
import { SidestreamError } from "../../errors.ts";
import type { DrySettings } from "../../flow/dry-run.ts";
import type { Output } from "../output.ts";
import { answerJson, answerText } from "./answer-text.ts";
import { readEventFile, type GivenEvent } from "./event-file.ts";
import { explain, type DormantRules, type ExplainScope } from "./explain.ts";
import { findMessage } from "./held-message.ts";

/** `{env}` where neither a configuration nor a flag says it. */
export const ENV_DEFAULT = "dev";

export interface ExplainOptions extends ExplainScope {
  /** Descriptors. */
  readonly files: readonly string[];
  readonly config: string | null;
  readonly env: string | null;
  /** File of the event, `-` for standard input; null: it is on disk. */
  readonly event: string | null;
  /** Id of the event whose message is on disk. */
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
  const message = await findMessage({ data, eventId: id ?? "", destination, stream: destination === null ? null : stream }, out);
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
  const findings = new Findings();
  const described = await readDescriptors(
    files.map((file) => ({ file, shown: file })),
    findings,
  );
  findings.throwErrors();
  const { limits } = configurationSchema.parse({ version: 1 });
  const streams = described.map(openToAll);
  return { settings: { instance: "explain", env: env ?? ENV_DEFAULT, limits, sources: [], streams }, dataFolder: data, dormant: new Map() };
}

/** Who it will be assigned to shows only where it runs. */
function openToAll({ settings, assigned }: DescribedStream): DescribedStream["settings"] {
  return assigned ? { ...settings, tenants: "all" } : settings;
}

function invalid(text: string): SidestreamError {
  return new SidestreamError("SST_COMMAND_INVALID", text);
}
