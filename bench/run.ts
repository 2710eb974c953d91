/** `npm run bench -- NAME`: runs one bench. Figures are ratios between things run side by side; see docs/performance.md. */
const BENCHES: Readonly<Record<string, () => Promise<{ readonly run: (args: readonly string[]) => Promise<void> }>>> = {
  acapy: () => import("./acapy.ts"),
  flow: () => import("./flow.ts"),
  kafka: () => import("./kafka.ts"),
  match: () => import("./match.ts"),
  spool: () => import("./spool.ts"),
};

const [name = "", ...args] = process.argv.slice(2);
const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
if (bench === undefined) {
  process.stderr.write(`npm run bench -- NAME, where NAME is one of: ${Object.keys(BENCHES).join(", ")}\n`);
  process.exitCode = 2;
} else await (await bench()).run(args);
