import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { ProgressLine } from "./spool-progress.ts";

const GIB = 1024 ** 3;

function recorded(isTerminal: boolean) {
  const told: string[] = [];
  let nowMs = 5_000;
  const out = { isTerminal, stdout: () => undefined, stderr: (text: string) => void told.push(text) };
  const line = new ProgressLine(out, () => nowMs);
  return { told, line, pass: (milliseconds: number) => void (nowMs += milliseconds) };
}

test("on a terminal one line is written over, with bytes, percent and time left, and is gone at the end", () => {
  const { told, line, pass } = recorded(true);
  line.at("reading spool/kafka1", { bytesRead: 0, bytesTotal: 0 });
  pass(100);
  line.at("reading spool/kafka1", { bytesRead: GIB, bytesTotal: 10 * GIB });
  pass(900);
  line.at("reading spool/kafka1", { bytesRead: 3.2 * GIB, bytesTotal: 10 * GIB });
  pass(9_000);
  line.at("reading spool/kafka1", { bytesRead: 4 * GIB, bytesTotal: 10 * GIB });
  pass(1);
  line.at("reading dead/kafka1", { bytesRead: 0, bytesTotal: 0 });
  line.end();
  deepEqual(told, [
    "\r\x1b[Kreading spool/kafka1 …",
    "\r\x1b[Kreading spool/kafka1: 3.2 of 10.0 GiB, 32 %, about 3 s left …",
    "\r\x1b[Kreading spool/kafka1: 4.0 of 10.0 GiB, 40 %, about 15 s left …",
    "\r\x1b[Kreading dead/kafka1 …",
    "\r\x1b[K",
  ]);
});

test("elsewhere there is a plain line every ten seconds, and none before", () => {
  const { told, line, pass } = recorded(false);
  for (let second = 0; second < 25; second++) {
    line.at("reading spool/kafka1", { bytesRead: second * GIB, bytesTotal: 400 * GIB });
    pass(1_000);
  }
  line.end();
  deepEqual(told, [
    "reading spool/kafka1: 10.0 of 400.0 GiB, 2 %, about 7 min left\n",
    "reading spool/kafka1: 20.0 of 400.0 GiB, 5 %, about 7 min left\n",
  ]);
});

test("very long waits are told in hours", () => {
  const { told, line, pass } = recorded(false);
  line.at("reading spool/kafka1", { bytesRead: 0, bytesTotal: 10 * GIB });
  pass(20_000);
  line.at("reading spool/kafka1", { bytesRead: GIB / 100, bytesTotal: 10 * GIB });
  deepEqual(told, ["reading spool/kafka1: 0.0 of 10.0 GiB, 0 %, about 6 h left\n"]);
});
