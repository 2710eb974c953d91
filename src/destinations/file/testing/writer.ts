/**
 * A process that writes to a folder until it is killed: arguments are the folder, the first number and the batch size.
 * It prints each number once it was acknowledged, in a way that a kill can't take back.
 */
import { writeSync } from "node:fs";
import { fileOptions, openFolder } from "../file.ts";
import { never, outgoing } from "./folder.ts";

const [folder = "", first = "1", count = "10", padding = "0"] = process.argv.slice(2);
const connection = await openFolder(fileOptions.parse({ path: folder, rotateBytes: 64 * 1024 }), { name: "file1", signal: never });
for (let number = Number(first); ; number += Number(count)) {
  const numbers = Array.from({ length: Number(count) }, (_, index) => number + index);
  const batch = numbers.map((each) => outgoing(`topic${each % 2}`, JSON.stringify({ number: each, padding: "x".repeat(Number(padding)) })));
  const outcomes = await connection.send(batch, never);
  const failed = outcomes.find((outcome) => outcome !== null);
  if (failed !== undefined && failed !== null) {
    writeSync(1, `failed ${failed.code} ${failed.message}\n`);
    break;
  }
  writeSync(1, numbers.map((each) => `${each}\n`).join(""));
}
await connection[Symbol.asyncDispose]();
