/** The events of the workload: flat attributes, about 1 KiB as JSON, four HTTP transactions to one event of an agent. */
import { type Random, uuidOf } from "./random.ts";
import { TENANT } from "./rules.ts";
import {
  METHODS,
  MODULES,
  STATES,
  STATUSES,
  TOPICS,
  USER_AGENTS,
  VERBS,
  WALLETS,
  eventTypeOf,
  tenantOf,
  userOf,
  walletOf,
} from "./vocabulary.ts";

export type FlatEvent = Readonly<Record<string, string>>;

const AGENT_SHARE = 0.2;
const TRACED_SHARE = 0.1;
const MILLION = 1_000_000;

/** The tenant is any of them, alike: the worst case for caches. */
export function makeEvent(random: Random, tenants: number): FlatEvent {
  const module = random.pick(MODULES);
  const verb = random.pick(VERBS);
  const method = random.pick(METHODS);
  const status = random.pick(STATUSES);
  const tenant = random.below(tenants);
  const userAgent = random.pick(USER_AGENTS);
  const common = {
    [TENANT]: tenantOf(tenant),
    "x-request-id": uuidOf(9 * MILLION + random.below(MILLION)),
    timestamp: `2026-11-22T08:${String(random.below(60)).padStart(2, "0")}:00.${random.below(1000)}Z`,
    host: `okapi-${random.below(9)}.example.org`,
  };
  if (random.fraction() < AGENT_SHARE) return { ...common, ...agentAttributes(random) };
  const path = `/${module}/${verb}/${uuidOf(random.below(MILLION))}`;
  return {
    ...common,
    method,
    path,
    status,
    "user-agent": userAgent,
    ...plainHeaders(random, tenant, module),
    modulename: `mod-${module}`,
    moduleid: `mod-${module}-1.${random.below(4)}.3`,
    interface: module,
    permission: `${module}.${verb}.${method.toLowerCase()}`,
    route: `/${module}/${verb}/{id}`,
    eventtype: eventTypeOf(module, verb, method),
    phase: random.pick(["pre", "post"]),
    handler: "HANDLER",
    "elapsed-us": String(random.below(90_000)),
    "query-string": `limit=${random.below(100)}&offset=${random.below(1000)}&query=cql.allRecords%3D1`,
    ...(random.fraction() < TRACED_SHARE ? { "x-side-trace": random.hex(16) } : {}),
  };
}

function plainHeaders(random: Random, tenant: number, module: string): FlatEvent {
  return {
    accept: "application/json, text/plain, */*",
    "accept-language": "en-US,en;q=0.9",
    "accept-encoding": "gzip, deflate, br",
    "content-type": "application/json",
    "content-length": String(random.below(20_000)),
    "x-okapi-user-id": userOf(tenant, random.below(20)),
    "x-okapi-url": "http://okapi:9130",
    "x-okapi-request-id": `${random.below(999_999)}/${module};${random.below(999_999)}/authtoken`,
    "x-forwarded-for": `10.${random.below(256)}.${random.below(256)}.${random.below(256)}`,
    "x-forwarded-proto": "https",
    etag: `"${random.hex(16)}"`,
    "cache-control": "no-cache",
  };
}

function agentAttributes(random: Random): FlatEvent {
  const state = random.pick(STATES);
  const topic = random.pick(TOPICS);
  return {
    eventtype: `agent.${topic}`,
    topic,
    state,
    "x-wallet-id": walletOf(random.below(WALLETS)),
    category: "acapy::record",
    thread_id: uuidOf(random.below(MILLION)),
    connection_id: uuidOf(random.below(MILLION)),
    role: random.pick(["issuer", "holder", "verifier"]),
    protocol: "didcomm/v2",
    auto_offer: "false",
    auto_issue: "true",
    cred_ex_id: uuidOf(random.below(MILLION)),
    schema_id: `WgWxqztrNooG92RXvxSTWv:2:schema_${random.below(50)}:1.0`,
    cred_def_id: `WgWxqztrNooG92RXvxSTWv:3:CL:${random.below(9999)}:default`,
    created_at: "2026-11-22T08:00:00Z",
    updated_at: "2026-11-22T08:00:01Z",
    initiator: "self",
    their_label: `Agent ${random.below(100)}`,
    their_did: random.hex(22),
    my_did: random.hex(22),
    invitation_key: random.hex(44),
    accept: "auto",
    trace: "false",
    "content-type": "application/json",
    "x-side-instance": `acapy-${random.below(6)}`,
  };
}
