/** The example of docs/embedding.md runs as it stands. */
import { deepEqual, equal } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { test } from "node:test";
import { readMessages } from "./support/messages.ts";
import { temporaryFolder } from "./support/program.ts";

const ROOT = resolve(import.meta.dirname, "../..");

test("the example of docs/embedding.md delivers its event", (t) => {
  const folder = temporaryFolder(t);
  const example = /```js\n([^]*?)```/.exec(readFileSync(join(ROOT, "docs/embedding.md"), "utf8"))?.[1] ?? "";
  writeFileSync(
    join(folder, "example.mjs"),
    example.replace('from "sidestream"', `from ${JSON.stringify(pathToFileURL(join(ROOT, "src/index.ts")).href)}`),
  );
  writeFileSync(
    join(folder, "sidestream.yaml"),
    `version: 1
enabled: true
sources:
  front:
    type: gateway
    listen: "127.0.0.1:0"
    upstream: "http://127.0.0.1:1"
    platform: { type: none, tenant: { header: x-okapi-tenant } }
destinations: { out: { type: file, path: ./events } }
streams: [ ./stream.yaml ]
`,
  );
  writeFileSync(join(folder, "stream.yaml"), 'stream: orders\ntenants: all\nrules: [ "METHOD=POST , publish , out:orders" ]\n');
  const { status, stderr } = spawnSync(process.execPath, ["example.mjs"], { cwd: folder, encoding: "utf8" });
  equal(status, 0, stderr);
  deepEqual(
    readMessages(join(folder, "events")).map(({ id, subject }) => [id, subject]),
    [["order-4711-created", "/orders/4711"]],
  );
});
