/** Small drivers for tests of the configuration: their options show what checking must cope with. */
import { z } from "zod";
import { defineDestination } from "../../driver/destination.ts";
import { registerDestination, registerSource } from "../../driver/registry.ts";
import { defineSource } from "../../driver/source.ts";

const capture = z.enum(["best-effort", "durable", "write-ahead"]);

function neverOpened(): never {
  throw new Error("the configuration opens nothing");
}

/** Registers `gateway`, `agent` (acknowledges, so takes no platform), `file`, `stdout` and `kafka` (with paths inside). */
export function registerFakeDrivers(): void {
  registerSource(
    defineSource({
      type: "gateway",
      summary: "A gateway that isn't one",
      options: z.strictObject({
        listen: z.string().default(":9130").describe("Address."),
        upstream: z
          .string()
          .refine((text) => text.startsWith("http"), { error: (issue) => `expected a URL, found ${String(issue.input)}` }),
        capture: capture.default("best-effort"),
        connectionsMax: z.int().min(1).default(100),
        secure: z.boolean().default(false),
        routes: z.array(z.strictObject({ path: z.string(), capture: capture.optional() })).default([]),
      }),
      carriesTraffic: true,
      routes: () => ["default"],
      bestEffortRoutes: (options) =>
        [{ path: "default", capture: options.capture }, ...options.routes].flatMap((route) =>
          (route.capture ?? options.capture) === "best-effort" ? [route.path] : [],
        ),
      open: neverOpened,
    }),
  );
  registerSource(
    defineSource({
      type: "agent",
      summary: "An agent that isn't one",
      options: z.strictObject({ listen: z.string().default(":9200") }),
      routes: () => ["default"],
      open: neverOpened,
    }),
  );
  registerDestination(
    defineDestination({
      type: "file",
      summary: "Writes nothing",
      options: z.strictObject({ path: z.string() }),
      promises: { ordered: true, deduplicates: false, lanes: 1 },
      open: neverOpened,
    }),
  );
  registerDestination(
    defineDestination({
      type: "kafka",
      summary: "Sends nothing",
      options: z.strictObject({
        brokers: z.array(z.string()).min(1),
        tls: z.union([z.boolean(), z.strictObject({ ca: z.string().optional(), verify: z.boolean().default(true) })]).default(false),
      }),
      paths: ["tls.ca", "tls.cert"],
      promises: { ordered: true, deduplicates: true, lanes: 1 },
      open: neverOpened,
    }),
  );
  registerDestination(
    defineDestination({
      type: "stdout",
      summary: "Prints nothing",
      options: z.strictObject({ pretty: z.boolean().default(false) }),
      promises: { ordered: true, deduplicates: false, lanes: 1 },
      open: neverOpened,
    }),
  );
}
