/**
 * A process whose worker thread sends to standard output, as the engine does. Standard error tells how each batch ended.
 * Arguments: how many batches of ten, and `exit` to end the process at once when standard input says so.
 */
import { writeSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isMainThread, Worker } from "node:worker_threads";
import { stdout } from "../stdout.ts";

if (isMainThread) {
  const worker = new Worker(fileURLToPath(import.meta.url), { argv: process.argv.slice(2) });
  process.stdin.once("data", () => process.exit(3));
  worker.once("exit", () => process.exit(0));
} else {
  const connection = await stdout.open({ pretty: false }, { name: "out", signal: new AbortController().signal });
  for (let batch = 0; batch < Number(process.argv[2]); batch += 1) {
    const messages = Array.from({ length: 10 }, (_, index) => ({
      topic: "a",
      key: "",
      headers: [],
      value: Buffer.from(JSON.stringify({ number: batch * 10 + index, padding: "x".repeat(1000) })),
      sequence: batch * 10 + index,
    }));
    const outcomes = await connection.send(messages, new AbortController().signal);
    const failed = outcomes.find((outcome) => outcome !== null);
    writeSync(2, `${failed?.code ?? "taken"}\n`);
    if (failed !== undefined) break;
  }
}
