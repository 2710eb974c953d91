/** An explanation for people: rule by rule, term by term, and then what results. */
import type { RuleExplanation } from "../../flow/explain.ts";
import { HIDDEN_VALUE, type Explanation } from "../../flow/match/explain.ts";
import type { Truth } from "../../flow/match/evaluate.ts";
import { harmless } from "../output.ts";
import type { Answer, ExplainedMessage, StreamAnswer } from "./explain.ts";

/** Characters of a message that are printed; `--json` has all. */
const VALUE_CHARACTERS_MAX = 20_000;

export function answerText(answer: Answer): string {
  const { id, kind, tenant, source, subject, readFrom, streams } = answer;
  const lines = [`${kind} ${subject}: event ${id} of the tenant ${tenant}, from ${source}`];
  if (readFrom !== null)
    lines.push(
      `It was read from ${readFrom === "" ? "the event log" : `a message of the stream ${readFrom}`}: what was removed from that is unknown.`,
    );
  for (const stream of streams) lines.push("", ...streamLines(stream));
  return lines.map((line) => `${harmless(line)}\n`).join("");
}

function streamLines({ stream, passedOver, rules, messages }: StreamAnswer): readonly string[] {
  const head = `stream ${stream}`;
  if (passedOver !== null) return [`${head}: nothing, since ${passedOver}`, ...rules.flatMap(ruleLines)];
  const made = messages.length === 0 ? [`  The stream makes nothing of the event.`] : messages.flatMap(messageLines);
  return [head, ...rules.flatMap(ruleLines), ...made];
}

function ruleLines({ rule, action, targets, verdict, criteria }: RuleExplanation): readonly string[] {
  return [`  rule ${rule} (${[action, ...targets].join(" ")}) ${verdict}`, ...termLines(criteria, 0)];
}

function termLines({ kind, text, truth, seen, more, reason, of }: Explanation, depth: number): readonly string[] {
  const note = kind === "term" ? noteOf(truth, seen, more, reason) : "";
  return [`    ${truthText(truth).padEnd(7)}  ${"  ".repeat(depth)}${text}${note}`, ...of.flatMap((part) => termLines(part, depth + 1))];
}

function truthText(truth: Truth): string {
  return truth === null ? "unknown" : String(truth);
}

function noteOf(truth: Truth, seen: readonly string[] | null, more: number, reason: string | null): string {
  if (truth === null) return reason === null ? "" : `   (${reason})`;
  if (seen === null) return "   (it is absent)";
  if (seen.every((value) => value === HIDDEN_VALUE)) return `   ${HIDDEN_VALUE}`;
  return `   (it is ${seen.map((value) => (value === HIDDEN_VALUE ? value.slice(1, -1) : JSON.stringify(value))).join(", ")}${more > 0 ? ` and ${more} more` : ""})`;
}

function messageLines(message: ExplainedMessage): readonly string[] {
  const { rule, target, destination, topic, outcome, reason, delivery, key, headers, value, dormant } = message;
  const where = topic === null ? `${target}: ${outcome}, since ${reason}` : `${destination}:${topic}`;
  return [
    `  message of rule ${rule} to ${where}`,
    ...(dormant === null ? [] : [`    dormant   ${dormant}: it would not be sent now`]),
    `    delivery  ${delivery}`,
    `    key       ${key}`,
    ...headers.map(([name, of]) => `    header    ${name}: ${of}`),
    `    value     ${valueText(value).split("\n").join("\n              ")}`,
  ].flatMap((text) => text.split("\n"));
}

/** Indented for reading. */
function valueText(value: Buffer): string {
  const text = JSON.stringify(JSON.parse(value.toString("utf8")), null, 2);
  if (text.length <= VALUE_CHARACTERS_MAX) return text;
  return `${text.slice(0, VALUE_CHARACTERS_MAX)} … (${value.length} bytes in all; --json prints them)`;
}

/** For a program. */
export function answerJson(answer: Answer): string {
  const streams = answer.streams.map(({ messages, ...stream }) => ({
    ...stream,
    messages: messages.map(({ value, ...message }) => ({ ...message, value: value.toString("utf8") })),
  }));
  return `${JSON.stringify({ ...answer, streams }, null, 2)}\n`;
}
