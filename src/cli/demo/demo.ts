/**
 * `sidestream demo`: a sample library, Sidestream before it, traffic, and the messages as they come.
 *
 * Promise: needs no broker and no configuration, listens on loopback only, ends by itself or on Ctrl-C, and leaves
 * nothing behind.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfiguration } from "../../config/load.ts";
import { createLog } from "../../observe/log.ts";
import type { Output } from "../output.ts";
import { Running } from "../running.ts";
import { MessageTail } from "./message-tail.ts";
import { prepareDemo, type PreparedDemo } from "./prepare.ts";

const SHOW_INTERVAL_MS = 200;
const EXIT_USAGE = 2;
const MILLISECONDS_PER_SECOND = 1000;

/**
 * Runs the demo.
 *
 * @param options.seconds - Text of `DEMO_SECONDS`: how long to run; until Ctrl-C when it is absent.
 * @returns Exit status: 0, 2 when `seconds` is no number, 1 when no message came.
 */
export async function runDemo(options: { readonly seconds: string | undefined }, out: Output): Promise<number> {
  const seconds = options.seconds === undefined || options.seconds === "" ? null : Number(options.seconds);
  if (seconds !== null && !(seconds > 0)) {
    out.stderr(`DEMO_SECONDS is "${options.seconds}"; expected a number of seconds, such as 30\n`);
    return EXIT_USAGE;
  }
  const ending = untilEnd(seconds);
  const folder = await mkdtemp(join(tmpdir(), "sidestream-demo-"));
  try {
    return await showDemo(folder, ending, out);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function showDemo(folder: string, ending: AbortSignal, out: Output): Promise<number> {
  const demo = await prepareDemo(folder);
  const log = createLog({ level: "warn", name: "sidestream" });
  const loaded = await loadConfiguration(demo.configurationFile, { environment: {} });
  const running = await Running.start({ loaded, log, logLevel: "warn", healthMayMove: true });
  const gatewayUrl = running.edge.sources[0]?.connection.address ?? "";
  out.stdout(introduction(demo, running, gatewayUrl));
  const tail = new MessageTail(demo.eventsFolder, (line) => out.stdout(`${line}\n`));
  const timer = setInterval(() => void tail.read(), SHOW_INTERVAL_MS);
  const traffic = await demo.startTraffic(gatewayUrl, ending);
  clearInterval(timer);
  await running.stop();
  await tail.read();
  await demo.upstream.close();
  out.stdout(`\n${traffic.sent} requests were sent, ${tail.messageCount} messages written. The demo's folder is removed.\n`);
  return tail.messageCount > 0 ? 0 : 1;
}

function introduction(demo: PreparedDemo, running: Running, gatewayUrl: string): string {
  return `
A small library system with sample traffic, and Sidestream before it.

  gateway        ${gatewayUrl}   forwards to the library at ${demo.upstream.address}
  configuration  ${demo.configurationFile}   its three streams are in streams/ beside it
  messages       ${demo.eventsFolder}   one file a topic, one CloudEvent a line
  health         ${running.health?.address ?? "off"}/metrics, /live, /ready

Make an event of your own, in another terminal:

  curl -i ${gatewayUrl}/users -H 'x-okapi-tenant: diku' -H 'content-type: application/json' \\
    -d '{"username":"ada","password":"secret","personal":{"lastName":"Lovelace"}}'

and look at its message (the password is not in it):

  tail -n 1 ${demo.eventsFolder}/*users-audit*.jsonl

Messages as they come; Ctrl-C ends the demo and removes its folder.

`;
}

/** Aborted by the first signal, or when the time is over. */
function untilEnd(seconds: number | null): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => controller.abort());
  if (seconds !== null) setTimeout(() => controller.abort(), seconds * MILLISECONDS_PER_SECOND).unref();
  return controller.signal;
}
