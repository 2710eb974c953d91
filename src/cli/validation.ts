/**
 * Looks at configurations, descriptors and assignments files, told apart by content, and keeps what was found.
 *
 * Promise: every fault of every file is found; nothing is opened but files.
 */
import { checkAssignments } from "../config/assignments.ts";
import { oneOf, valueAt } from "../config/check.ts";
import { readDescriptor } from "../config/descriptor.ts";
import { tellDuplicateStream } from "../config/descriptor-files.ts";
import type { Dormant } from "../config/dormant.ts";
import { Findings, formatFinding } from "../config/finding.ts";
import { inspectDocument, type Loaded } from "../config/load.ts";
import type { Environment } from "../config/secrets.ts";
import { readTestsFile } from "../config/stream-tests.ts";
import { readYaml } from "../config/yaml.ts";
import type { YamlDocument } from "../config/yaml-document.ts";
import type { TextOutput } from "./output.ts";

type Kind = "configuration" | "descriptor" | "tests" | "assignments";

export class Validation {
  readonly findings = new Findings();
  /** Configurations without an error. */
  readonly configurations: { readonly file: string; readonly loaded: Loaded }[] = [];
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
      if (loaded !== null) this.configurations.push({ file: document.file, loaded });
    } else if (kind === "descriptor") {
      const stream = readDescriptor(document, this.findings);
      if (stream === null) return;
      const earlier = this.#streams.get(stream.settings.id);
      if (earlier === undefined) this.#streams.set(stream.settings.id, document);
      else tellDuplicateStream(stream.settings.id, document, earlier, this.findings);
    } else if (kind === "tests") readTestsFile(document, this.findings);
    else if (kind === "assignments") checkAssignments(document, this.findings);
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

  /** What a program reads of it. */
  report(): Readonly<Record<string, unknown>> {
    return {
      valid: this.findings.errorCount === 0,
      files: this.#checked,
      findings: [...this.findings.errors(), ...this.findings.warnings()],
      errorCount: this.findings.errorCount,
      warningCount: this.findings.warningCount,
      dormant: this.#dormant,
    };
  }

  /** What a person reads of it. */
  print(out: TextOutput): void {
    const errors = this.findings.errors();
    const warnings = this.findings.warnings();
    for (const finding of [...errors, ...warnings]) out.stdout(`${formatFinding(finding)}\n`);
    const [moreErrors, moreWarnings] = [this.findings.errorCount - errors.length, this.findings.warningCount - warnings.length];
    if (moreErrors > 0) out.stdout(`and ${plural(moreErrors, "more error")}\n`);
    if (moreWarnings > 0) out.stdout(`and ${plural(moreWarnings, "more warning")}\n`);
    for (const { kind, name, reason } of this.#dormant) out.stdout(`dormant ${kind} ${name}: ${reason}\n`);
    for (const { file, kind, valid } of this.#checked) if (valid && kind !== null) out.stdout(`${file}: valid ${kind}\n`);
    const counts = [
      plural(this.findings.errorCount, "error"),
      plural(this.findings.warningCount, "warning"),
      `${this.#dormant.length} dormant`,
    ];
    out.stderr(`${plural(this.#checked.length, "file")} checked: ${oneOf(counts).replace(" or ", " and ")}\n`);
  }
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Null: nothing of ours. */
function kindOf(value: unknown): Kind | null {
  const has = (key: string): boolean => valueAt(value, [key]) !== undefined;
  if (has("stream") && has("tests") && !has("rules")) return "tests";
  if (has("stream") || has("rules") || has("policy")) return "descriptor";
  if (["sources", "destinations", "streams", "enabled", "instance", "env", "data"].some(has)) return "configuration";
  if (has("assignments")) return "assignments";
  return has("version") ? "configuration" : null;
}
