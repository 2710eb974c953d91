/**
 * The schema of the configuration: type, defaults, JSON Schema and reference page follow from it.
 *
 * Options of sources and destinations are the drivers' own; see driver-options.ts. What is planned but not there yet
 * is refused by name in not-available.ts.
 */
import { z } from "zod";
import { MESSAGE_BYTES_MIN } from "../flow/message/encode.ts";
import { listenAddress } from "../driver/listen-address.ts";
import { duration, size } from "../driver/quantity.ts";
import { MEMORY_MESSAGES_MAX } from "../flow/transmit/memory-queue.ts";
import { keepEvents } from "./keep-events.ts";
import { rate } from "./rate.ts";

const KIB = 2 ** 10;
const MIB = 2 ** 20;
const GIB = 2 ** 30;
const TIB = 2 ** 40;
const DAY_MS = 86_400_000;

/** Sources, and likewise destinations, in one configuration: each has threads, sockets or files of its own. */
export const CONNECTIONS_MAX = 200;

const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,62}$/;
const name = z
  .string()
  .regex(NAME, { error: "expected a name that begins with a letter and has only letters, digits, - and _, at most 63 of them" });

/** A value that may stand in a topic. */
export const TOPIC_VALUE = /^[A-Za-z0-9_-]{1,80}$/;
const topicValue = z
  .string()
  .regex(TOPIC_VALUE, { error: "expected 1 to 80 letters, digits, - or _, because it may become part of a topic" });

const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/, { error: "expected the name of an HTTP header" });
const placePattern = (of: string) =>
  z
    .string()
    .max(1_000)
    .regex(/^[^{}]*\{tenant\}[^{}]*$/, { error: `expected a pattern of the ${of} with {tenant} in it once` });

const tenantFrom = z.union(
  [
    z.strictObject({ header: headerName.describe("Request header that holds the tenant. It is believed as it comes.") }),
    z.strictObject({ tokenClaim: z.string().min(1).max(256).describe("Claim of the bearer token, read without checking the signature.") }),
    z.strictObject({ host: placePattern("Host header").describe("Pattern of the Host header: `{tenant}.example.org`.") }),
    z.strictObject({ path: placePattern("path").describe("Pattern of the path: `/t/{tenant}/*`.") }),
  ],
  { error: "expected one of header, tokenClaim, host, path" },
);

const routeText = (description: string) => z.string().min(1).max(256).optional().describe(description);

const staticRoute = z.strictObject({
  path: z
    .string()
    .max(1_000)
    .regex(/^[/*]/, { error: "expected a path that begins with /" })
    .describe("Pattern of the path: `{x}` is one segment, `*` any characters."),
  methods: z
    .union(
      [
        z.literal("*"),
        z
          .array(z.string().regex(/^[A-Z]{1,32}$/, { error: "expected a method in capitals, such as POST" }))
          .min(1)
          .max(32),
      ],
      {
        error: 'expected "*" or a list of methods in capitals, such as [GET, POST]',
      },
    )
    .default("*")
    .describe("Methods that the route covers, or `*` for all."),
  moduleName: routeText("MODULENAME of what it handles."),
  moduleId: routeText("MODULEID."),
  moduleVersion: routeText("MODULEVERSION."),
  interface: routeText("INTERFACE."),
  interfaceVersion: routeText("INTERFACEVERSION."),
  permission: routeText("PERMISSION."),
});

const nonePlatform = z.strictObject({
  type: z.literal("none").describe("What knows the tenants and modules."),
  tenant: z
    .strictObject({
      header: headerName
        .optional()
        .describe("Request header that holds the tenant. It is believed as it comes: without this key no header is."),
      default: topicValue.optional().describe("Tenant of events without that header; else the source's `tenant`."),
    })
    .prefault({})
    .describe("How the tenant is told."),
});

const staticPlatform = z.strictObject({
  type: z.literal("static"),
  tenant: z.array(tenantFrom).max(16).default([]).describe("Where the tenant is looked for, in this order; the first answer counts."),
  defaultTenant: topicValue
    .nullable()
    .optional()
    .describe("Tenant where none was found; else the source's `tenant`. `null`: such events are set aside as unidentified."),
  routes: z.array(staticRoute).max(10_000).default([]).describe("What handles which path; the first route that fits counts."),
});

export const platformSchema = z
  .discriminatedUnion("type", [nonePlatform, staticPlatform])
  .describe("What tells whose an event is and what handled it.");

/** Keys that every source has beside its driver's own. */
export const sourceCommonSchema = z.strictObject({
  type: z.string().describe("Source driver."),
  platform: platformSchema
    .optional()
    .describe(
      "What tells whose an event is and what handled it; see below. Only for sources of HTTP transactions; default: `{ type: none }`.",
    ),
  tenant: topicValue.default("default").describe("Tenant of events that name none."),
});

/** Keys that every destination has beside its driver's own. */
export const destinationCommonSchema = z.strictObject({
  type: z.string().describe("Destination driver."),
  enabled: z.boolean().default(true).describe("`false`: nothing is sent; rules that lead there are dormant."),
  spool: z
    .strictObject({
      bytesMax: size(MIB, 64 * TIB)
        .prefault("10GiB")
        .describe("Disk that the log of this destination may take, with the file made ahead for what comes next (`spare`)."),
      whenFull: z
        .enum(["drop-newest", "drop-oldest", "refuse"])
        .default("drop-newest")
        .describe(
          "What gives way when the log is full: the new message, the oldest messages, or the whole event is refused. Every drop is counted.",
        ),
      tenantSharePercent: z
        .int()
        .min(1)
        .max(100)
        .default(25)
        .describe(
          "Share of `bytesMax` beyond which one of several tenants is held back, alone, once the log is half full; 100: none ever is.",
        ),
      parkBytes: size(MIB, 64 * TIB)
        .prefault("256MiB")
        .describe(
          "Where a message waits and others behind it are delivered: so much of what they leave in the log may keep its disk space before it is given back. At most a quarter of `bytesMax` counts.",
        ),
    })
    .prefault({})
    .describe("The durable log between matching and sending."),
  deadLetters: z
    .strictObject({
      keep: duration(60_000, 3_650 * DAY_MS)
        .prefault("30d")
        .describe("Age at which messages that were set aside are removed."),
      bytesMax: size(64 * KIB, 64 * TIB)
        .prefault("1GiB")
        .describe("Disk that they may take; the oldest go first."),
    })
    .prefault({})
    .describe("Messages that the destination refused for good."),
  retain: z
    .strictObject({
      keep: duration(60_000, 3_650 * DAY_MS)
        .prefault("7d")
        .describe("Age at which a file is removed, by the newest message in it."),
      bytesMax: size(MIB, 64 * TIB)
        .prefault("10GiB")
        .describe("Disk that the archive may take beside the log; the oldest files go first."),
    })
    .nullable()
    .prefault(null)
    .describe("An archive of what left the log, for `sidestream replay`; `null`: none is kept."),
  memory: z
    .strictObject({
      messagesMax: z.int().min(1).max(1_000_000).default(MEMORY_MESSAGES_MAX).describe("Messages that wait or are being sent."),
      bytesMax: size(64 * KIB, 16 * GIB)
        .prefault("16MiB")
        .describe("Their bytes. One that is larger is taken when no other waits."),
    })
    .prefault({})
    .describe("What messages with `delivery: at-most-once` may take in memory; what comes beyond is dropped and counted."),
  inFlightMax: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(1_000)
    .describe("Messages sent and not yet confirmed on disk: what a crash can double."),
  maxRate: rate
    .nullable()
    .prefault(null)
    .describe(
      "Messages sent per second at most, such as `5000/s`, so that catching up after an outage doesn't drown the destination; `null`: as fast as it takes them.",
    ),
});

const limits = z.strictObject({
  messageBytesMax: size(MESSAGE_BYTES_MIN, 64 * MIB)
    .prefault("900KiB")
    .describe("Largest encoded message; bodies are cut to fit. A default Kafka takes 1 MiB."),
  topicsMax: z.int().min(1).max(1_000_000).default(10_000).describe("Distinct topics that one log takes; a message beyond is set aside."),
  tenantLabelsMax: z.int().min(0).max(100_000).default(5_000).describe("Tenants with metrics of their own; the rest are summed."),
  handoverBytesMax: size(MIB, 16 * GIB)
    .prefault("256MiB")
    .describe(
      "Memory between forwarding and the engine. A durable request reserves its largest size here: it bounds how many run at once.",
    ),
  decodedBytesMax: size(64 * KIB, GIB)
    .prefault("16MiB")
    .describe("Size that a compressed body may have once unpacked; a larger one is not unpacked."),
});

const connectionRecord = (of: string) =>
  z
    .record(name, z.looseObject({ type: z.string({ error: `expected the type of the ${of}` }) }))
    .refine((record) => Object.keys(record).length <= CONNECTIONS_MAX, { error: `expected at most ${CONNECTIONS_MAX}` })
    .default({});

const fileNames = (error: string) =>
  z
    .array(z.string({ error }).min(1).max(4_096), { error: `expected a list of ${error.replace(/^expected an? /, "")}s` })
    .max(1_000, { error: "expected at most 1,000 entries: one pattern, such as streams/*.yaml, names many files" });

export const configurationSchema = z
  .strictObject({
    version: z.literal(1, { error: "expected version: 1" }).describe("Version of this file's form."),
    enabled: z.boolean().default(false).describe("Without `enabled: true` the program only forwards: nothing is captured."),
    instance: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, {
        error: "expected 1 to 63 letters, digits, ., - or _, beginning with a letter or digit",
      })
      .optional()
      .describe("Name of this instance, part of every message; must be stable across restarts. Default: the host's name."),
    env: topicValue.default("default").describe("What `{env}` stands for in templates."),
    data: z
      .string()
      .min(1)
      .max(4_096)
      .default("./sidestream-data")
      .describe("Folder of the spool, relative to this file. Must be on a local disk."),
    sources: connectionRecord("source").describe("Where events come from, by name."),
    destinations: connectionRecord("destination").describe("Where messages go, by name. Rules use the names."),
    targetSets: z.record(name, z.array(z.string())).default({}).describe("Named groups of targets. Not available yet: leave it empty."),
    streams: fileNames("expected a file name")
      .default([])
      .describe(
        "Files of message stream descriptors, relative to this file; `*`, `?` and `**` match names. `sidestream:NAME` is one that comes with this package, such as `sidestream:acapy-events`.",
      ),
    policies: fileNames("expected a file name").default([]).describe("Rules over all streams. Not available yet: leave it empty."),
    assignments: z
      .string()
      .min(1)
      .max(4_096)
      .optional()
      .describe(
        "File that says which tenants each stream is assigned to, relative to this file. Default: `assignments.yaml` in the data folder, if it exists.",
      ),
    health: z
      .union(
        [
          z.literal(false),
          z.strictObject({
            listen: listenAddress.prefault("127.0.0.1:9464").describe("Address, such as `:9464`, `127.0.0.1:9464` or `[::1]:9464`."),
          }),
        ],
        { error: "expected false, or keys with values such as { listen: 127.0.0.1:9464 }" },
      )
      .prefault({})
      .describe("Listener for health checks and metrics; `false` switches it off."),
    keepEvents,
    limits: limits.prefault({}).describe("Bounds on sizes and numbers."),
  })
  .describe("Configuration of Sidestream.");

export type Configuration = z.output<typeof configurationSchema>;
export type PlatformOptions = z.output<typeof platformSchema>;

/** Keys of the driver's own: everything beside the common ones. */
export function splitOptions(
  entry: Readonly<Record<string, unknown>>,
  common: z.ZodObject,
): { common: Record<string, unknown>; own: Record<string, unknown> } {
  const known = Object.keys(common.shape);
  const entries = Object.entries(entry);
  return {
    common: Object.fromEntries(entries.filter(([key]) => known.includes(key))),
    own: Object.fromEntries(entries.filter(([key]) => !known.includes(key))),
  };
}
