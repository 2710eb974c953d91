/** Publishes the counters that source drivers keep themselves, each with the source's name as a label. */

/** What one source counts: sample names, such as `sidestream_gateway_rejected_total{kind="x"}`, with their values. */
export interface SourceSamples {
  readonly source: string;
  readonly samples: Readonly<Record<string, number>>;
}

/** The samples in Prometheus's text format. A name that ends in `_total` is a counter, any other a gauge. */
export function sampleLines(sources: readonly SourceSamples[]): string {
  const families = new Map<string, string[]>();
  for (const { source, samples } of sources) {
    for (const [sample, value] of Object.entries(samples)) {
      const [name = "", labels = ""] = sample.replace(/\}$/, "").split("{", 2);
      const lines = families.get(name) ?? [];
      if (lines.length === 0) families.set(name, lines);
      lines.push(`${name}{source="${source}"${labels === "" ? "" : `,${labels}`}} ${value}\n`);
    }
  }
  return [...families]
    .map(([name, lines]) => `# TYPE ${name} ${name.endsWith("_total") ? "counter" : "gauge"}\n${lines.join("")}`)
    .join("");
}
