/** Streams for tests of matching: nothing matters of them but who they are open to, and their rules. */
import type { RuleSettings, StreamSettings } from "../../settings.ts";
import { parseRule } from "../parse.ts";

export function streamOf(id: string, rules: readonly RuleSettings[], tenants: StreamSettings["tenants"] = "all"): StreamSettings {
  return {
    id,
    title: id,
    revision: "0",
    tenants,
    key: null,
    format: "cloudevents",
    delivery: "at-least-once",
    headers: [],
    body: { bytesMax: 0, types: [] },
    keep: null,
    redact: [],
    rules,
  };
}

/** Rules in their short form, numbered in their order. */
export function parsedRules(texts: readonly string[]): readonly RuleSettings[] {
  return texts.map((text, index) => ({ ...parseRule(text).rule, number: index + 1 }));
}
