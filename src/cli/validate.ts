/**
 * `sidestream validate FILE...`: checks configurations and message stream descriptors without starting anything.
 *
 * Findings are the answer and go to standard output; the count goes to standard error. Nothing is opened but files.
 */
import { checkAssignments } from "../config/assignments.ts";
import { oneOf, valueAt } from "../config/check.ts";
import { readDescriptor } from "../config/descriptor.ts";
import { tellDuplicateStream } from "../config/descriptor-files.ts";
import type { Dormant } from "../config/dormant.ts";
import { Findings, formatFinding } from "../config/finding.ts";
import { inspectDocument } from "../config/load.ts";
import type { Environment } from "../config/secrets.ts";
import { readYaml } from "../config/yaml.ts";
import type { YamlDocument } from "../config/yaml-document.ts";

export interface Output {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
}

export interface ValidateOptions {
  readonly json: boolean;
  /** What `${env:NAME}` is looked up in; the process's own when absent. */
  readonly environment?: Environment;
}

type Kind = "configuration" | "descriptor" | "assignments";

const EXIT_OK = 0;
/** As `run` would end over the same files. */
const EXIT_INVALID = 78;
const EXIT_USAGE = 2;

/**
 * @param files - Configurations, descriptors and assignments files, told apart by content.
 * @returns Exit status: 0 all valid, 78 errors were found, 2 no file was named. Warnings don't count as errors.
 */
export async function runValidate(files: readonly string[], options: ValidateOptions, out: Output): Promise<number> {
  if (files.length === 0) {
    out.stderr("validate: name the files to check: `sidestream validate sidestream.yaml streams/*.yaml`\n");
    return EXIT_USAGE;
  }
  const run = new Validation(options.environment ?? process.env);
  for (const file of new Set(files)) await run.checkFile(file);
  run.print(options.json, out);
  return run.findings.errorCount === 0 ? EXIT_OK : EXIT_INVALID;
}

class Validation {
  readonly findings = new Findings();
  readonly #environment: Environment;
  readonly #checked: { file: string; kind: Kind | null; valid: boolean }[] = [];
  readonly #dormant: Dormant[] = [];
  readonly #streams = new Map<string, YamlDocument>();

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  async checkFile(file: string): Promise<void> {
    const before = this.findings.errorCount;
    const document = await readYaml(file, this.findings);
    const kind = document === null ? null : kindOf(document.value);
    if (document !== null) await this.#checkDocument(document, kind);
    this.#checked.push({ file, kind, valid: this.findings.errorCount === before });
  }

  async #checkDocument(document: YamlDocument, kind: Kind | null): Promise<void> {
    if (kind === "configuration") {
      const loaded = await inspectDocument(document, { environment: this.#environment }, this.findings);
      this.#dormant.push(...(loaded?.dormant ?? []));
    } else if (kind === "descriptor") {
      const stream = readDescriptor(document, this.findings);
      if (stream === null) return;
      const earlier = this.#streams.get(stream.settings.id);
      if (earlier === undefined) this.#streams.set(stream.settings.id, document);
      else tellDuplicateStream(stream.settings.id, document, earlier, this.findings);
    } else if (kind === "assignments") checkAssignments(document, this.findings);
    else {
      this.findings.add({
        severity: "error",
        code: "SST_CONFIG_INVALID",
        file: document.file,
        line: 1,
        column: 1,
        path: "",
        problem: "neither a configuration nor a message stream descriptor",
        hint: "A configuration begins with `version: 1`, a descriptor with `stream: ID`.",
      });
    }
  }

  print(json: boolean, out: Output): void {
    const errors = this.findings.errors();
    const warnings = this.findings.warnings();
    if (json) {
      const valid = this.findings.errorCount === 0;
      out.stdout(
        `${JSON.stringify({ valid, files: this.#checked, findings: [...errors, ...warnings], errorCount: this.findings.errorCount, dormant: this.#dormant }, null, 2)}\n`,
      );
      return;
    }
    for (const finding of [...errors, ...warnings]) out.stdout(`${formatFinding(finding)}\n`);
    if (this.findings.errorCount > errors.length) out.stdout(`and ${this.findings.errorCount - errors.length} more errors\n`);
    for (const { kind, name, reason } of this.#dormant) out.stdout(`dormant ${kind} ${name}: ${reason}\n`);
    for (const { file, kind, valid } of this.#checked) if (valid && kind !== null) out.stdout(`${file}: valid ${kind}\n`);
    const counts = [plural(this.findings.errorCount, "error"), plural(warnings.length, "warning"), `${this.#dormant.length} dormant`];
    out.stderr(`${plural(this.#checked.length, "file")} checked: ${oneOf(counts).replace(" or ", " and ")}\n`);
  }
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Null: nothing of ours. */
function kindOf(value: unknown): Kind | null {
  const has = (key: string): boolean => valueAt(value, [key]) !== undefined;
  if (has("stream") || has("rules") || has("policy")) return "descriptor";
  if (["sources", "destinations", "streams", "enabled", "instance", "env", "data"].some(has)) return "configuration";
  if (has("assignments")) return "assignments";
  return has("version") ? "configuration" : null;
}
