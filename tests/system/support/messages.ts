/** Reads the messages that the `file` destination wrote, each through the `cloudevents` package. */
import { CloudEvent } from "cloudevents";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface TransactionData {
  readonly request: { readonly method: string; readonly path: string; readonly headers: Record<string, string[]>; readonly body: unknown };
  readonly response: { readonly status: number; readonly headers: Record<string, string[]>; readonly body: unknown };
}

export type MessageEvent = CloudEvent<unknown>;

/** All messages of a folder, file by file in the order written. */
export function readMessages(folder: string): MessageEvent[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(".jsonl"))
    .toSorted(byAge)
    .flatMap((name) =>
      readFileSync(join(folder, name), "utf8")
        .split("\n")
        .filter((line) => line !== ""),
    )
    .map((line) => new CloudEvent<unknown>(JSON.parse(line) as Partial<MessageEvent>));
}

/** The open file of a topic comes after its rotated ones. */
function byAge(left: string, right: string): number {
  const [topicLeft = "", topicRight = ""] = [left.split(".")[0], right.split(".")[0]];
  if (topicLeft !== topicRight) return topicLeft < topicRight ? -1 : 1;
  const isOpen = (name: string) => name.split(".").length === 2;
  if (isOpen(left) !== isOpen(right)) return isOpen(left) ? 1 : -1;
  return left < right ? -1 : 1;
}
