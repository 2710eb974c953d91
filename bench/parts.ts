/** A bench of several parts, of which some may be wanted alone. */
import { loadavg } from "node:os";

/** @throws Error for a part that there isn't. */
export function chosenParts<Name extends string>(
  parts: Readonly<Record<Name, unknown>>,
  usual: readonly Name[],
  only: string | undefined,
): readonly Name[] {
  const chosen = only === undefined ? usual : (only.split(",") as Name[]);
  for (const part of chosen) {
    if (!Object.hasOwn(parts, part)) throw new Error(`--only ${part}: expected some of ${Object.keys(parts).join(", ")}`);
  }
  return chosen;
}

/** Of the machine, over the last 1, 5 and 15 minutes. */
export function machineLoad(): readonly string[] {
  return loadavg().map((value) => value.toFixed(1));
}

export function printPart(title: string, text: string, load: readonly string[]): void {
  process.stdout.write(`\n### ${title}\n\n${text}\nload of the machine over the last 1, 5, 15 minutes: ${load.join(", ")}\n`);
}
