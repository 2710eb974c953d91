/** A folder with a configuration of one gateway, one stream and one file destination, which tests vary. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { temporaryFolder } from "./program.ts";
import { startUpstream, type Upstream } from "./upstream.ts";

export interface Site {
  readonly folder: string;
  readonly data: string;
  readonly events: string;
  readonly configuration: string;
  readonly upstream: Upstream;
}

export interface SiteOptions {
  /** Default: `data` in the site's folder. */
  readonly data?: string;
  /** Lines of the source's options, such as `capture: durable`. */
  readonly source?: readonly string[];
  /** Options of the destination, in YAML's flow form, after its path. */
  readonly destination?: string;
  readonly rules?: readonly string[];
  readonly more?: string;
}

export async function makeSite(test: TestContext, options: SiteOptions = {}): Promise<Site> {
  const folder = temporaryFolder(test);
  const upstream = await startUpstream(test);
  const data = options.data ?? join(folder, "data");
  const events = join(folder, "events");
  const source = (options.source ?? ["capture: durable"]).map((line) => `    ${line}\n`).join("");
  writeFileSync(
    join(folder, "sidestream.yaml"),
    `version: 1
enabled: true
instance: test-1
data: ${data}
sources:
  front:
    type: gateway
    listen: "127.0.0.1:0"
    upstream: "${upstream.url}"
${source}    platform: { type: none, tenant: { header: x-okapi-tenant, default: nobody } }
destinations:
  out: { type: file, path: ${events}${options.destination === undefined ? "" : `, ${options.destination}`} }
streams: [ ./stream.yaml ]
health: { listen: "127.0.0.1:0" }
${options.more ?? ""}`,
  );
  const rules = options.rules ?? ["METHOD=POST , publish , out:things"];
  writeFileSync(
    join(folder, "stream.yaml"),
    `stream: everything\ntenants: all\nrules:\n${rules.map((rule) => `  - ${JSON.stringify(rule)}\n`).join("")}`,
  );
  return { folder, data, events, configuration: join(folder, "sidestream.yaml"), upstream };
}

/** Posts a small JSON body; null when no answer came. */
export async function post(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<{ readonly status: number; readonly text: string } | null> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(20_000),
    });
    return { status: response.status, text: await response.text() };
  } catch {
    return null;
  }
}
