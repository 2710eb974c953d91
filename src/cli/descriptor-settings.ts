/** What descriptors alone, without a configuration, say of messages: the usual limits, no sources. */
import type { DescribedStream } from "../config/descriptor.ts";
import { readDescriptors } from "../config/descriptor-files.ts";
import { Findings } from "../config/finding.ts";
import { configurationSchema } from "../config/schema.ts";
import type { DrySettings } from "../flow/dry-run.ts";
import type { StreamSettings } from "../flow/settings.ts";

/** `{env}` where neither a configuration nor a flag says it. */
export const ENV_DEFAULT = "dev";

/** @throws ConfigurationError with all that is wrong in them. */
export async function descriptorSettings(files: readonly string[], env: string | null, instance: string): Promise<DrySettings> {
  const findings = new Findings();
  const described = await readDescriptors(
    files.map((file) => ({ file, shown: file })),
    findings,
  );
  findings.throwErrors();
  return { ...bareSettings(env, instance), streams: described.map(openToAll) };
}

/** Settings without a stream. */
export function bareSettings(env: string | null, instance: string): DrySettings {
  const { limits } = configurationSchema.parse({ version: 1 });
  return { instance, env: env ?? ENV_DEFAULT, limits, sources: [], streams: [] };
}

/** Who a stream will be assigned to shows only where it runs. */
export function openToAll({ settings, assigned }: DescribedStream): StreamSettings {
  return assigned ? { ...settings, tenants: "all" } : settings;
}
