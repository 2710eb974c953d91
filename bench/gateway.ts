/** The program under test: a gateway that publishes every transaction to one destination, files unless told otherwise. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startProgram, type Program } from "./program.ts";

/** Name of the destination, and of its log in the data folder. */
export const DESTINATION = "out";

export interface GatewaySettings {
  /** Made when it isn't there. The data folder is `data` in it. */
  readonly folder: string;
  readonly port: number;
  readonly upstreamUrl: string;
  readonly capture: "best-effort" | "durable";
  /** Options of the destination, as the configuration has them. */
  readonly destination?: Readonly<Record<string, unknown>>;
  readonly topic?: string;
  /** Pattern of more descriptors, relative to the folder. */
  readonly streams?: string;
}

export interface Gateway extends Program {
  readonly url: string;
}

export async function startGateway(settings: GatewaySettings): Promise<Gateway> {
  const { folder, port } = settings;
  return { url: `http://127.0.0.1:${port}`, ...(await startProgram(configure(settings), join(folder, "data"))) };
}

/** @returns The path of the configuration. */
function configure({ folder, port, upstreamUrl, capture, destination, topic = "everything", streams }: GatewaySettings): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "sidestream.yaml");
  writeFileSync(
    file,
    `version: 1
enabled: true
instance: bench
data: ./data
sources:
  front:
    type: gateway
    listen: "127.0.0.1:${port}"
    upstream: "${upstreamUrl}"
    capture: ${capture}
    platform: { type: static, tenant: [ { header: x-okapi-tenant } ], routes: [ { path: "/*", moduleName: mod-bench } ] }
destinations:
  ${DESTINATION}: ${JSON.stringify(destination ?? { type: "file", path: "./events" })}
streams: ${JSON.stringify(["./stream.yaml", ...(streams === undefined ? [] : [streams])])}
health: false
`,
  );
  writeFileSync(
    join(folder, "stream.yaml"),
    `stream: everything\ntenants: all\nrules: [ "x-okapi-tenant=diku AND MODULENAME=mod-bench , publish , ${DESTINATION}:${topic}" ]\n`,
  );
  return file;
}
