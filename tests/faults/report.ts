/** What a fault run tells people: a table, and what is wrong. */
import { table } from "../../src/cli/output.ts";
import { repeatsMax, verdictOf, type Outcome } from "./verdict.ts";

const grouped = (number: number): string => Math.round(number).toLocaleString("en-US");
const listed = (counts: Readonly<Partial<Record<string, number>>>): string =>
  Object.entries(counts)
    .map(([what, count]) => `${what} ${count}`)
    .join(", ");

/** Why it failed comes last: that is what is looked for. */
export function outcomeText(outcome: Outcome): string {
  const { seed, nodes, delivery, seconds, requests, judgement, status, recoveries, size } = outcome;
  const rows: [string, string][] = [
    ["seed", String(seed)],
    ["brokers", String(nodes)],
    ["delivery", delivery],
    ["seconds", grouped(seconds)],
    ["requests answered", `${grouped(requests.answered)} of ${grouped(requests.sent)}, ${grouped(requests.largeAnswered)} too large`],
    ["Sidestream killed", `${outcome.kills} times, ${outcome.lives} lives`],
    ["faults", listed(outcome.faults)],
    ["moments", `${listed(outcome.moments)}; ${outcome.momentsMissed} didn't come`],
    ["recoveries in doubt", `${recoveries.inDoubt} (at least ${size.minima.recoveries}), ${grouped(recoveries.had)} messages were there`],
    ["of these, no producer state", `${recoveries.missingState} (at least ${size.minima.missingState})`],
  ];
  if (judgement !== null) {
    rows.push(
      ["messages read", `${grouped(judgement.read)}, ${grouped(judgement.distinct)} distinct`],
      ["lost", grouped(judgement.lost.count)],
      ["doubled", `${grouped(judgement.doubled.count)} (at most ${grouped(repeatsMax(outcome))})`],
      ["reordered", grouped(judgement.reordered.count)],
    );
  }
  if (status !== null) rows.push(["counted by Sidestream", listed(status.totals)]);
  rows.push(["warnings", listed(outcome.warnings)]);
  for (const each of outcome.leftOut) rows.push(["left out", each]);
  return [table(["what", "result"], rows), verdictText(outcome)].join("\n");
}

function verdictText(outcome: Outcome): string {
  const { broken, noTest } = verdictOf(outcome);
  const lines = [...broken.map((each) => `BROKEN: ${each}`), ...noTest.map((each) => `NO TEST: ${each}`)];
  return `${lines.length === 0 ? "every promise was kept" : lines.join("\n")}\n`;
}

export function progressText(done: {
  readonly seconds: number;
  readonly answered: number;
  readonly faults: number;
  readonly of: number;
}): string {
  return `${grouped(done.seconds)} s: ${grouped(done.answered)} requests answered, ${done.faults} of ${done.of} faults`;
}
