/** The content of all messages: lines of 1 KiB that don't compress beyond what base64 does, the same for every producer. */
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

export const PAYLOAD_BYTES = 1024;
const LINES = 1024;

export function writePayload(file: string): void {
  const lines = Array.from({ length: LINES }, () => randomBytes(PAYLOAD_BYTES).toString("base64").slice(0, PAYLOAD_BYTES));
  writeFileSync(file, lines.join("\n"));
}

export function readPayload(file: string): readonly Buffer[] {
  const bytes = readFileSync(file);
  return Array.from({ length: LINES }, (_, line) => bytes.subarray(line * (PAYLOAD_BYTES + 1), line * (PAYLOAD_BYTES + 1) + PAYLOAD_BYTES));
}
