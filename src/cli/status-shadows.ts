/** The rules in shadow in `sidestream status`: what each would have done, and the newest event for which it would. */
import type { FlowSnapshot } from "../flow/flow-snapshot.ts";
import { timeOf } from "../flow/message/attribute-text.ts";
import { harmless, table } from "./output.ts";

type Shadow = FlowSnapshot["shadows"][number];
type Sample = Shadow["samples"][number];

/** Rules shown; `--json` has all. */
const ROWS_MAX = 50;

/** @returns Lines with their ends; nothing where no rule is in shadow. */
export function printShadows(shadows: readonly Shadow[]): string {
  if (shadows.length === 0) return "";
  const shown = shadows.slice(0, ROWS_MAX);
  const rows = shown.map(({ stream, rule, action, matched, wouldAct }) => [stream, rule, action, matched, wouldAct]);
  const more = shadows.length - shown.length;
  return [
    "\nrules in shadow, which do nothing; counted since the engine started:\n",
    table(["stream", "rule", "action", "matched", "would act"], rows),
    ...(more > 0 ? [`and ${more} more: see --json\n`] : []),
    ...shown.flatMap(newestOf),
  ].join("");
}

function newestOf({ stream, rule, action, samples }: Shadow): readonly string[] {
  const sample = samples.at(-1);
  if (sample === undefined) return [];
  const what = action === "ignore" ? ["would be ignored"] : sample.messages.map(messageText);
  return [`${stream} rule ${rule}, newest: ${harmless(`${eventText(sample)}: ${what.join("; ")}`)}\n`];
}

function eventText({ timeMs, subject, tenant, eventId }: Sample): string {
  return `${timeOf(timeMs)} ${subject} of ${tenant}, event ${eventId}`;
}

function messageText({ target, key, deadReason }: Sample["messages"][number]): string {
  return deadReason === null ? `would go to ${target}, key "${key}"` : `would be dead, for ${target}: ${deadReason}`;
}
