/** docs/destinations/kafka.md says what is there: its examples load, its options and error codes exist. */
import { deepEqual, equal } from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { loadConfiguration } from "../../src/config/load.ts";
import { registerBuiltInDrivers } from "../../src/drivers.ts";
import { ERRORS } from "../../src/errors.ts";
import { temporaryFolder } from "./support/program.ts";

const DOCS = resolve(import.meta.dirname, "../../docs");
const page = readFileSync(join(DOCS, "destinations/kafka.md"), "utf8");

/** What a whole configuration has beside the destination. */
const REST = `enabled: true
sources: { front: { type: gateway, listen: ":9130", upstream: "http://localhost:9131", capture: durable } }
streams: [ ./streams/*.yaml ]
`;

/** What is between backticks in the first column of tables. */
function firstColumn(text: string): readonly string[] {
  const cells = [...text.matchAll(/^\| (`[^|]*) \|/gm)].map((row) => row[1] ?? "");
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map((name) => name[1] ?? ""));
}

function section(text: string, heading: string): string {
  const from = text.indexOf(`${heading}\n`);
  equal(from >= 0, true, `there is a heading ${heading}`);
  const next = /^#{1,4} /m.exec(text.slice(from + heading.length));
  return text.slice(from, next === null ? undefined : from + heading.length + next.index);
}

test("every example configuration of the page loads without a warning", async (t) => {
  registerBuiltInDrivers();
  const examples = [...page.matchAll(/^```yaml\n([^]*?)^```$/gm)].map((match) => match[1] ?? "");
  const isDescriptor = (example: string): boolean => example.startsWith("stream:");
  equal(examples.length, 3);
  equal(examples.filter(isDescriptor).length, 1);
  const descriptor = examples.find(isDescriptor) ?? "";
  for (const example of examples.filter((each) => !isDescriptor(each))) {
    const folder = temporaryFolder(t);
    const path = join(folder, "sidestream.yaml");
    writeFileSync(path, `${example}${REST}`);
    mkdirSync(join(folder, "streams"));
    writeFileSync(join(folder, "streams/s.yaml"), 'stream: s\ntenants: all\nrules: [ "METHOD=POST , publish , kafka1:changes" ]\n');
    writeFileSync(join(folder, "streams/descriptor.yaml"), `tenants: all\n${descriptor}`);
    const { settings, warnings, dormant } = await loadConfiguration(path, { environment: { KAFKA_PASSWORD: "a password" } });
    deepEqual([warnings, dormant], [[], []]);
    deepEqual(
      settings.destinations.map(({ name, type }) => [name, type]),
      [["kafka1", "kafka"]],
    );
  }
});

test("the page describes every option of the driver, and no other but those that all destinations have", () => {
  const configuration = readFileSync(join(DOCS, "configuration.md"), "utf8");
  const all = firstColumn(configuration.slice(configuration.indexOf("<!-- table destination-common -->")).split("<!-- end -->")[0] ?? "");
  const own = firstColumn(section(configuration, "#### `type: kafka`"));
  const described = firstColumn(section(page, "## Options"));
  deepEqual(
    own.filter((name) => !described.includes(name)),
    [],
    "options that the page lacks",
  );
  deepEqual(
    described.filter((name) => !own.includes(name) && !all.includes(name)),
    [],
    "options that don't exist",
  );
});

test("the complete example has every option", () => {
  const complete = /^```yaml\n([^]*?)^```$/m.exec(page.slice(page.indexOf("## Options")))?.[1] ?? "";
  const names = firstColumn(section(page, "## Options")).filter((name) => !name.includes("."));
  deepEqual(
    names.filter((name) => !new RegExp(`^    ${name}:`, "m").test(complete)),
    [],
  );
});

test("every error code on the page exists", () => {
  const codes = new Set([...page.matchAll(/SST_[A-Z_]+/g)].map(([code]) => code));
  deepEqual(
    [...codes].filter((code) => !(code in ERRORS)),
    [],
  );
});
