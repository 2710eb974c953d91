/** What rules and events of the workload are made of: the names of a library platform and of credential agents. */
import { uuidOf } from "./random.ts";

const words = (text: string): readonly string[] => text.split(" ");

export const MODULES = words(
  "users login circulation inventory orders invoice finance notes tags permissions feesfines patron source-record data-import " +
    "erm licenses agreements calendar email sender template audit search oai-pmh rtac ncip sip2 gobi ebsconet kb-ebsco courses " +
    "password event-config pubsub configuration organizations quick-marc remote-storage bulk-ops lists",
);
export const VERBS = words("item collection loan request batch");
/** Those that come often stand often. */
export const METHODS = words("GET GET GET GET GET POST POST PUT DELETE PATCH HEAD");
export const STATUSES = words("200 200 200 200 200 201 201 204 400 401 403 404 422 500 502 503");
export const TOPICS = words(
  "connections issue_credential issue_credential_v2_0 present_proof present_proof_v2_0 basicmessages revocation_registry " +
    "endorse_transaction oob_invitation problem_report",
);
export const STATES = words(
  "invitation request response completed active offer_sent credential_issued done abandoned presentation_verified",
);
export const USER_AGENTS: readonly string[] = [
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
  "okhttp/4.9.3",
  "kube-probe/1.29",
  "curl/8.5.0",
  "Vert.x-WebClient/4.5.4",
  "python-requests/2.31",
];
export const EXPRESSIONS: readonly string[] = [
  "^/[a-z-]+/[a-z]+/[0-9a-f]{8}-[0-9a-f]{4}-",
  "^/users/[0-9a-f-]{36}$",
  "/(item|loan|request)/",
  "^/circulation/(loan|request)/.*[02468]$",
  "batch|collection",
  "^/inventory/.+/[0-9]",
  "(?:a+b)+c",
  "^/[^/]+/[^/]+$",
  "\\.(loan|item)s?$|/loan/",
  "^/(orders|invoice|finance)/.*-[0-9a-f]{12}$",
];

const USERS_PER_TENANT = 20;
export const WALLETS = 20_000;

const DONE: Readonly<Record<string, string>> = {
  GET: "read",
  HEAD: "read",
  POST: "created",
  PUT: "updated",
  PATCH: "updated",
  DELETE: "deleted",
};

export function tenantOf(number: number): string {
  return `t${String(number).padStart(5, "0")}`;
}

export function userOf(tenant: number, number: number): string {
  return uuidOf(tenant * USERS_PER_TENANT + number);
}

export function walletOf(number: number): string {
  return uuidOf(5_000_000 + number);
}

export function eventTypeOf(module: string, verb: string, method: string): string {
  return `${module}.${verb}.${DONE[method] ?? ""}`;
}
