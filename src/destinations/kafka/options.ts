/** Options of a `kafka` destination: what a configuration may say, with defaults. */
import { z } from "zod";
import { isLoopback } from "../../driver/listen-address.ts";
import { duration } from "../../driver/quantity.ts";

const BROKERS_MAX = 100;
const REQUEST_MS_MIN = 1_000;
const REQUEST_MS_MAX = 5 * 60_000;
/** An answer about a thousand topics takes a broker some milliseconds: more often than this is a load. */
const METADATA_MS_MIN = 1_000;
const METADATA_MS_MAX = 24 * 60 * 60_000;
/** Kafka's own bounds: a signed 16-bit replication factor, and far more partitions than a topic is given. */
const PARTITIONS_MAX = 100_000;
const REPLICAS_MAX = 32_767;

export interface BrokerAddress {
  /** IPv6 without its brackets. */
  readonly host: string;
  readonly port: number;
}

const ADDRESS = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253})):(\d{1,5})$/;

/** Reads `host:port` or `[ipv6]:port`; undefined when it is no such address. */
export function readBrokerAddress(text: string): BrokerAddress | undefined {
  const match = ADDRESS.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

/** `host:port` as people write it. */
export function brokerAddressText({ host, port }: BrokerAddress): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

const ADDRESS_EXPECTED = "expected the address of a broker, such as kafka1:9092 or [::1]:9092";

const brokerAddress = z
  .string({ error: ADDRESS_EXPECTED })
  .refine((text) => readBrokerAddress(text) !== undefined, { error: ADDRESS_EXPECTED });

const filePath = z.string().min(1, "expected the path of a file");

const tlsObject = z
  .strictObject({
    ca: filePath
      .optional()
      .describe("File with the certificates (PEM) of who signed the brokers' certificates. Without it: those that the system trusts."),
    cert: filePath.optional().describe("File with the certificate (PEM) that this client shows, where brokers ask for one; needs `key`."),
    key: filePath.optional().describe("File with the private key (PEM) of `cert`."),
    serverName: z
      .string()
      .min(1, "expected a host name")
      .optional()
      .describe("Name that the brokers' certificates must have, where it isn't the host of their address."),
  })
  .refine(({ cert, key }) => (cert === undefined) === (key === undefined), { error: "expected both `cert` and `key`, or neither" });

const user = z.string().min(1, "expected a user name").describe("User name.");
const password = z.string().min(1, "expected a password").describe("Password, such as `${file:/run/secrets/kafka}`.");

const TOKEN_URL_EXPECTED = "expected an https address without user or password (http only to this machine)";

/** https, or http to this machine; a secret is posted there. */
function isTokenUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== "" || url.password !== "") return false;
  if (url.protocol === "https:") return true;
  return url.protocol === "http:" && isLoopback({ host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port: 0 });
}

const oauth = z
  .strictObject({
    mechanism: z.literal("oauthbearer"),
    tokenFile: filePath.optional().describe("File with a token, read for each login."),
    tokenUrl: z
      .string()
      .refine(isTokenUrl, { error: TOKEN_URL_EXPECTED })
      .optional()
      .describe("Address of the token endpoint (OAuth 2 client credentials); needs `clientId` and `clientSecret`."),
    clientId: z.string().min(1).optional().describe("Client that the token endpoint knows."),
    clientSecret: z.string().min(1).optional().describe("The client's secret, such as `${file:/run/secrets/oauth}`."),
    scope: z.string().min(1).optional().describe("Scope to ask for."),
  })
  .refine(({ tokenFile, tokenUrl }) => (tokenFile === undefined) !== (tokenUrl === undefined), {
    error: "expected either `tokenFile` or `tokenUrl`",
  })
  .refine(
    ({ tokenUrl, clientId, clientSecret, scope }) =>
      tokenUrl === undefined
        ? clientId === undefined && clientSecret === undefined && scope === undefined
        : clientId !== undefined && clientSecret !== undefined,
    { error: "expected `clientId` and `clientSecret` with `tokenUrl`, and only there" },
  );

const login = z.discriminatedUnion(
  "mechanism",
  [
    z.strictObject({ mechanism: z.literal("plain"), user, password }),
    z.strictObject({ mechanism: z.literal("scram-sha-256"), user, password }),
    z.strictObject({ mechanism: z.literal("scram-sha-512"), user, password }),
    oauth,
  ],
  { error: "expected a login with mechanism plain, scram-sha-256, scram-sha-512 or oauthbearer" },
);

const createTopicsObject = z.strictObject({
  partitions: z
    .int("expected a whole number")
    .min(1)
    .max(PARTITIONS_MAX)
    .optional()
    .describe("Partitions of a topic that is made; without it the brokers' `num.partitions`."),
  replicationFactor: z
    .int("expected a whole number")
    .min(1)
    .max(REPLICAS_MAX)
    .optional()
    .describe("Copies of each partition; without it the brokers' `default.replication.factor`."),
  settings: z
    .record(
      z.string().regex(/^[a-z0-9.]{1,100}$/, "expected the name of a topic setting, such as retention.ms"),
      z.union([z.string(), z.number(), z.boolean()]),
    )
    .optional()
    .describe("Settings of a topic that is made, such as `retention.ms: 604800000`."),
});

/**
 * zstd by default: on JSON it needs clearly fewer bytes than lz4 or snappy, on the wire and on the brokers' disks, and
 * is several times as fast as gzip; every broker that this driver works with takes it.
 */
export const COMPRESSIONS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;

export const kafkaOptions = z.strictObject({
  brokers: z
    .array(brokerAddress)
    .min(1, "expected at least one broker")
    .max(BROKERS_MAX, `expected at most ${BROKERS_MAX} brokers`)
    .describe("Addresses to begin with, `host:port`; the cluster names its other brokers itself. Give two or three."),
  tls: z
    .union([z.boolean(), tlsObject], { error: "expected true, false, or keys with values such as { ca: /etc/kafka/ca.pem }" })
    .default(false)
    .describe("Encrypt connections: true, or an object. Certificate files are read for each new connection."),
  login: login.optional().describe("How to log in (SASL); without it nobody logs in."),
  compression: z
    .enum(COMPRESSIONS)
    .default("zstd")
    .describe("How batches are compressed. Some consumer libraries need an extra package for all but gzip."),
  createTopics: z
    .union([z.boolean(), createTopicsObject], { error: "expected true, false, or keys with values such as { partitions: 6 }" })
    .default(false)
    .describe("Make topics that don't exist: true for the brokers' defaults, or an object."),
  clientId: z.string().min(1).max(200).default("sidestream").describe("Name under which brokers log and limit this client."),
  requestTimeout: duration(REQUEST_MS_MIN, REQUEST_MS_MAX)
    .default(20_000)
    .describe("How long a broker may take to answer a request; then its connection is given up and made anew."),
  metadataAge: duration(METADATA_MS_MIN, METADATA_MS_MAX)
    .default(5 * 60_000)
    .describe("How soon added partitions, a topic made anew and changed topic settings are noticed while nothing fails."),
});

export type KafkaOptions = z.output<typeof kafkaOptions>;
export type KafkaLogin = NonNullable<KafkaOptions["login"]>;
export type KafkaTls = z.output<typeof tlsObject>;
export type KafkaTopicCreation = z.output<typeof createTopicsObject>;

/** Options that are paths, by their dotted names. */
export const KAFKA_PATHS = ["tls.ca", "tls.cert", "tls.key", "login.tokenFile"] as const;

/** The TLS options, also of the short form; undefined without TLS. */
export function tlsOf({ tls }: Pick<KafkaOptions, "tls">): KafkaTls | undefined {
  if (tls === false) return undefined;
  return tls === true ? {} : tls;
}

/** How topics are made, also of the short form; undefined when they aren't. */
export function topicCreationOf({ createTopics }: Pick<KafkaOptions, "createTopics">): KafkaTopicCreation | undefined {
  if (createTopics === false) return undefined;
  return createTopics === true ? {} : createTopics;
}
