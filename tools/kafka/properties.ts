/** What a broker is told: its listeners, who may log in, and settings that make it small and quick. */
import { join } from "node:path";
import type { TlsFiles } from "./certificates.ts";

/**
 * The listeners every node has, each on its own port of the loopback interface.
 *
 * SSL asks for a client's certificate and goes on without; SSL_REQUIRED insists. SSL_EXPIRED shows a certificate that
 * ran out years ago. The two SASL ones take SCRAM-SHA-256, SCRAM-SHA-512, PLAIN and OAUTHBEARER with unsigned tokens.
 */
export const LISTENERS = ["PLAINTEXT", "SASL_PLAINTEXT", "SSL", "SASL_SSL", "CONTROLLER", "SSL_REQUIRED", "SSL_EXPIRED"] as const;
export type ListenerKind = Exclude<(typeof LISTENERS)[number], "CONTROLLER">;

/**
 * A listener for clients that are to come through a proxy: brokers name the proxy's port for it and not their own. Among
 * themselves they use PLAINTEXT, as Kafka's own tools do, so that no fault of the proxy reaches those.
 */
const PROXIED = { name: "PROXIED", ownPort: LISTENERS.length, toldPort: LISTENERS.length + 1 } as const;

/** Node 1 starts at the base, node 2 here after it. */
export const PORTS_PER_NODE = 10;

export interface Login {
  readonly user: string;
  readonly password: string;
}

/** Who may log in, by SCRAM and PLAIN. Both may do everything unless an authorizer is set. */
export const CREDENTIALS: Login & { readonly limited: Login } = {
  user: "sidestream",
  password: "sidestream-secret",
  /** With {@link AUTHORIZER} it may do only what {@link allow} allowed. */
  limited: { user: "limited", password: "limited-secret" },
};

/** Properties that make brokers ask for rights: all for those without a name and for `sidestream`, none for others. */
export const AUTHORIZER: Readonly<Record<string, string>> = {
  "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
  "super.users": `User:ANONYMOUS;User:${CREDENTIALS.user}`,
};

const MECHANISMS = ["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN", "OAUTHBEARER"];

export interface BrokerSettings {
  readonly nodeId: number;
  readonly nodes: number;
  readonly basePort: number;
  /** Where this node writes. */
  readonly folder: string;
  readonly tls: TlsFiles;
  /** It has a listener for a proxy: see {@link proxiedPorts}. */
  readonly proxied: boolean;
  /** Win over all others. */
  readonly properties: Readonly<Record<string, string>>;
}

export function port(basePort: number, nodeId: number, kind: (typeof LISTENERS)[number]): number {
  return basePort + (nodeId - 1) * PORTS_PER_NODE + LISTENERS.indexOf(kind);
}

/** Where a proxy has to listen so that clients come through it, and where it finds the broker. */
export function proxiedPorts(basePort: number, nodeId: number): { readonly listen: number; readonly upstream: number } {
  const first = basePort + (nodeId - 1) * PORTS_PER_NODE;
  return { listen: first + PROXIED.toldPort, upstream: first + PROXIED.ownPort };
}

/** The text of a node's server.properties. */
export function serverProperties(settings: BrokerSettings): string {
  const all = { ...roles(settings), ...small(settings.nodes), ...security(settings.tls), ...settings.properties };
  // A backslash begins an escape in Java's properties.
  return Object.entries(all)
    .map(([name, value]) => `${name}=${value.replaceAll("\\", "\\\\")}\n`)
    .join("");
}

/** Arguments of Kafka's storage tool that make the users. */
export function scramArguments(): readonly string[] {
  return [CREDENTIALS, CREDENTIALS.limited].flatMap(({ user, password }) =>
    MECHANISMS.filter((mechanism) => mechanism.startsWith("SCRAM")).flatMap((mechanism) => [
      "--add-scram",
      `${mechanism}=[name=${user},password=${password}]`,
    ]),
  );
}

function roles({ nodeId, nodes, basePort, folder, proxied }: BrokerSettings): Record<string, string> {
  const voters = Array.from({ length: nodes }, (_, index) => `${index + 1}@127.0.0.1:${port(basePort, index + 1, "CONTROLLER")}`);
  const addresses = LISTENERS.map((kind) => `${kind}://127.0.0.1:${port(basePort, nodeId, kind)}`);
  const { listen, upstream } = proxiedPorts(basePort, nodeId);
  const own = proxied ? [`${PROXIED.name}://127.0.0.1:${upstream}`] : [];
  const told = proxied ? [`${PROXIED.name}://127.0.0.1:${listen}`] : [];
  const protocols = LISTENERS.map((kind) => `${kind}:${protocol(kind)}`);
  return {
    "process.roles": "broker,controller",
    "node.id": String(nodeId),
    "controller.quorum.voters": voters.join(","),
    listeners: [...addresses, ...own].join(","),
    "advertised.listeners": [...addresses.filter((address) => !address.startsWith("CONTROLLER")), ...told].join(","),
    "listener.security.protocol.map": [...protocols, ...(proxied ? [`${PROXIED.name}:PLAINTEXT`] : [])].join(","),
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "log.dirs": join(folder, "log"),
  };
}

function protocol(kind: (typeof LISTENERS)[number]): string {
  if (kind === "CONTROLLER") return "PLAINTEXT";
  return kind === "SSL_REQUIRED" || kind === "SSL_EXPIRED" ? "SSL" : kind;
}

/** With three nodes every topic is on all, and a message is acknowledged once two have it. */
function small(nodes: number): Record<string, string> {
  const replicas = String(nodes);
  const inSyncMin = nodes > 1 ? "2" : "1";
  return {
    "default.replication.factor": replicas,
    "min.insync.replicas": inSyncMin,
    "offsets.topic.replication.factor": replicas,
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": replicas,
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.min.isr": inSyncMin,
    "share.coordinator.state.topic.replication.factor": replicas,
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.min.isr": inSyncMin,
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    // A killed node may come back, and its leaderships go to others, only when this has passed: 9000 by default.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
  };
}

function security(tls: TlsFiles): Record<string, string> {
  const properties: Record<string, string> = {
    "ssl.keystore.type": "PEM",
    "ssl.keystore.location": tls.broker,
    "ssl.truststore.type": "PEM",
    "ssl.truststore.location": tls.ca,
    "ssl.client.auth": "requested",
    "listener.name.ssl_required.ssl.client.auth": "required",
    "listener.name.ssl_expired.ssl.keystore.type": "PEM",
    "listener.name.ssl_expired.ssl.keystore.location": tls.brokerExpired,
  };
  const security = "org.apache.kafka.common.security";
  const users = [CREDENTIALS, CREDENTIALS.limited].map(({ user, password }) => `user_${user}="${password}"`).join(" ");
  const modules: Readonly<Record<string, string>> = {
    "SCRAM-SHA-256": `${security}.scram.ScramLoginModule required;`,
    "SCRAM-SHA-512": `${security}.scram.ScramLoginModule required;`,
    PLAIN: `${security}.plain.PlainLoginModule required ${users};`,
    OAUTHBEARER: `${security}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
  };
  for (const listener of ["sasl_plaintext", "sasl_ssl"]) {
    properties[`listener.name.${listener}.sasl.enabled.mechanisms`] = MECHANISMS.join(",");
    for (const [mechanism, module] of Object.entries(modules)) {
      properties[`listener.name.${listener}.${mechanism.toLowerCase()}.sasl.jaas.config`] = module;
    }
  }
  return properties;
}
