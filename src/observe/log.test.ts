import { deepEqual, equal, match } from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { SidestreamError } from "../errors.ts";
import { createLog } from "./log.ts";
import type { LogLevel } from "./log.ts";

function collecting(level: LogLevel): { readonly log: ReturnType<typeof createLog>; readonly lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const log = createLog({
    level,
    name: "sidestream",
    write: (line) => {
      equal(line.indexOf("\n"), line.length - 1, "one line each");
      lines.push(JSON.parse(line) as Record<string, unknown>);
    },
  });
  return { log, lines };
}

/** Runs a program that logs and ends; returns what it wrote to standard error. */
function linesOf(program: string): string[] {
  const source = `import { createLog } from ${JSON.stringify(new URL("./log.ts", import.meta.url).href)};\n${program}`;
  const { stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", source], { encoding: "utf8", timeout: 60_000 });
  return stderr.split("\n").filter((line) => line !== "");
}

test("a line is one JSON object with level, time, name and message", () => {
  const { log, lines } = collecting("info");
  log.info({ destination: "kafka1" }, "destination is up");
  const { time, ...rest } = lines[0] ?? {};
  deepEqual(rest, { level: "info", name: "sidestream", destination: "kafka1", msg: "destination is up" });
  match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/u);
});

test("lines below the level are left out", () => {
  const { log, lines } = collecting("warn");
  log.info("not this");
  log.warn("this");
  deepEqual(
    lines.map((line) => line["msg"]),
    ["this"],
  );
});

test("a child's lines carry its fields", () => {
  const { log, lines } = collecting("info");
  log.child({ source: "front" }).info("listening");
  equal(lines[0]?.["source"], "front");
});

test("an error is told with its code, its cause and what to do", () => {
  const { log, lines } = collecting("info");
  log.error({ err: new SidestreamError("SST_SPOOL_IO", "write failed", { cause: new Error("ENOSPC") }) }, "spool stopped");
  const err = lines[0]?.["err"] as Record<string, unknown>;
  equal(err["code"], "SST_SPOOL_IO");
  match(String(err["hint"]), /space/u);
  match(String(err["message"]), /write failed: ENOSPC/u);
});

test("an error that isn't ours is told as it is", () => {
  const { log, lines } = collecting("info");
  log.error({ err: new TypeError("no") }, "broke");
  const err = lines[0]?.["err"] as Record<string, unknown>;
  equal(err["type"], "TypeError");
  equal("hint" in err, false);
});

test("fields with the names of secrets are not printed", () => {
  const { log, lines } = collecting("info");
  log.info({ password: "a1b2c3", options: { token: "a1b2c3", user: "edge" } }, "opening");
  equal(lines[0]?.["password"], "[removed]");
  deepEqual(lines[0]?.["options"], { token: "[removed]", user: "edge" });
});

test("text with line breaks stays on one line", () => {
  const { log, lines } = collecting("info");
  log.info('first\nsecond\r\n{"level":"fatal"}');
  equal(lines.length, 1);
});

test("what was logged before process.exit is written", () => {
  const lines = linesOf(
    `const log = createLog({ level: "info", name: "a" }); for (let i = 0; i < 500; i++) log.info("line " + i); process.exit(3);`,
  );
  equal(lines.length, 500);
  match(lines[499] ?? "", /line 499/u);
});

test("a reader that is gone costs only the lines", async () => {
  const source = `
    import { createLog } from ${JSON.stringify(new URL("./log.ts", import.meta.url).href)};
    const log = createLog({ level: "info", name: "a" });
    process.stdin.once("data", () => { for (let i = 0; i < 10; i++) log.info("nobody reads this"); setImmediate(() => process.exit(7)); });
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", source], { stdio: ["pipe", "ignore", "pipe"] });
  child.stderr.destroy();
  await once(child.stderr, "close");
  child.stdin.end("go");
  const [status] = (await once(child, "exit")) as [number | null];
  equal(status, 7);
});

test("what was logged before an uncaught error is written", () => {
  const lines = linesOf(`const log = createLog({ level: "info", name: "a" }); log.info("last words"); throw new Error("gone");`);
  match(lines.join("\n"), /last words/u);
});

test("what a worker logged before it ended is written", () => {
  const logModule = JSON.stringify(new URL("./log.ts", import.meta.url).href);
  const worker = `import { createLog } from ${logModule}; createLog({ level: "info", name: "engine" }).info("from the worker"); process.exit(1);`;
  const lines = linesOf(`
    import { Worker } from "node:worker_threads";
    new Worker(new URL("data:text/javascript," + encodeURIComponent(${JSON.stringify(worker)})));
    createLog({ level: "info", name: "sidestream" }).info("from the main thread");
  `);
  match(lines.join("\n"), /from the worker/u);
  match(lines.join("\n"), /from the main thread/u);
});
