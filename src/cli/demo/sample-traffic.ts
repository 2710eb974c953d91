/**
 * The demo's traffic: a librarian's day in small, sent through the gateway to the sample library.
 *
 * Promise: paced and bounded, one request at a time; the same seed gives the same requests. It begins with one of each
 * kind (a log-in, reads, changes, a failure), so that a short demo shows everything.
 */
import { setTimeout as pauseFor } from "node:timers/promises";
import { SAMPLE_LOGIN } from "./sample-library.ts";
import { BROKEN_BARCODE, SAMPLE_TENANTS } from "./sample-records.ts";

const REQUESTS_PER_SECOND = 2;
/** About an hour and a half at the default pace: a forgotten demo ends by itself. */
const REQUEST_COUNT_MAX = 10_000;
const ANSWER_WAIT_MS = 5000;
/** Share by which a pause is longer or shorter than its mean. */
const PAUSE_SPREAD = 0.3;
const MILLISECONDS_PER_SECOND = 1000;

export interface Exchange {
  readonly tenant: string;
  readonly method: string;
  readonly path: string;
  /** Null when no answer came. */
  readonly status: number | null;
}

export interface TrafficOptions {
  /** `http://127.0.0.1:9130`. */
  readonly gatewayUrl: string;
  /** Ends the traffic after the request that is under way. */
  readonly signal: AbortSignal;
  readonly seed?: number;
  readonly requestsPerSecond?: number;
  readonly requestCountMax?: number;
  /** Told of each exchange once it ended. */
  readonly onExchange?: (exchange: Exchange) => void;
  /** Waits between requests; a test gives one that doesn't. */
  readonly pause?: (waitMs: number, signal: AbortSignal) => Promise<unknown>;
}

export interface TrafficResult {
  readonly sent: number;
  /** Requests that got no answer. */
  readonly unanswered: number;
}

interface Request {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
}

/** What one tenant's librarian knows so far. */
interface Desk {
  readonly tenant: string;
  token: string | null;
  /** Last record created of each kind, by path of its collection. */
  readonly created: Map<string, Record<string, unknown>>;
  items: readonly Record<string, unknown>[];
  users: readonly Record<string, unknown>[];
  count: number;
}

type Step = (desk: Desk, chance: () => number) => Request;

const listUsers: Step = () => ({ method: "GET", path: "/users?limit=5&query=active%3Dtrue" });
const listItems: Step = () => ({ method: "GET", path: "/inventory/items?limit=20" });
const listGroups: Step = () => ({ method: "GET", path: "/groups" });
const listLoans: Step = () => ({ method: "GET", path: "/circulation/loans?limit=3" });
const logIn: Step = () => ({ method: "POST", path: "/authn/login", body: SAMPLE_LOGIN });
const createUser: Step = ({ tenant, count }) => {
  const username = `reader${count}`;
  return {
    method: "POST",
    path: "/users",
    body: { username, active: true, personal: { lastName: `Reader ${count}`, email: `${username}@${tenant}.example` } },
  };
};
const readUser: Step = ({ users }, chance) => ({ method: "GET", path: `/users/${idOf(pick(users, chance))}` });
const updateUser: Step = ({ created, users }, chance) => {
  const user = created.get("/users") ?? pick(users, chance);
  return { method: "PUT", path: `/users/${idOf(user)}`, body: { ...user, active: chance() < 0.5 } };
};
const lend: Step = ({ users, items }, chance) => ({
  method: "POST",
  path: "/circulation/loans",
  body: { userId: idOf(pick(users, chance)), itemId: idOf(pick(items, chance)), action: "checkedout", status: { name: "Open" } },
});
const takeBack: Step = ({ created }) => {
  const loan = created.get("/circulation/loans");
  return { method: "PUT", path: `/circulation/loans/${idOf(loan)}`, body: { ...loan, action: "checkedin", status: { name: "Closed" } } };
};
const createItem: Step = ({ count }) => ({
  method: "POST",
  path: "/inventory/items",
  body: { title: `Notes, volume ${count}`, barcode: String(5000 + count), status: { name: "Available" } },
});
const readBrokenItem: Step = ({ items }) => ({
  method: "GET",
  path: `/inventory/items/${idOf(items.find((item) => item["barcode"] === BROKEN_BARCODE))}`,
});
const readNothing: Step = () => ({ method: "GET", path: "/users/00000000-0000-4000-8000-000000000000" });
const createInvalid: Step = () => ({ method: "POST", path: "/users", body: { active: true } });

/** One of each, in an order in which each finds what it needs. */
const OPENING: readonly Step[] = [logIn, listUsers, listItems, createUser, readUser, updateUser, lend, takeBack, readBrokenItem];
/** Twice means twice as often. */
const DAY: readonly Step[] = [
  listUsers,
  listItems,
  listGroups,
  listLoans,
  createUser,
  createUser,
  readUser,
  readUser,
  updateUser,
  updateUser,
  lend,
  lend,
  takeBack,
  createItem,
  readBrokenItem,
  readNothing,
  createInvalid,
  logIn,
];

/** Sends requests until the signal is aborted or their number is reached. Requests that fail are counted, not thrown. */
export async function runSampleTraffic(options: TrafficOptions): Promise<TrafficResult> {
  const { signal, seed = 1, requestsPerSecond = REQUESTS_PER_SECOND, requestCountMax = REQUEST_COUNT_MAX, pause = pauseUntil } = options;
  const chance = chances(seed);
  const desks = SAMPLE_TENANTS.map((tenant): Desk => ({ tenant, token: null, created: new Map(), items: [], users: [], count: 0 }));
  let sent = 0;
  let unanswered = 0;
  while (sent < requestCountMax && !signal.aborted) {
    // Each desk opens with its own log-in; later the first tenant is twice as busy.
    const desk = sent < OPENING.length * desks.length ? desks[sent % desks.length] : desks[chance() < 2 / 3 ? 0 : 1];
    if (desk === undefined) break;
    const step = OPENING[desk.count] ?? pick(DAY, chance);
    desk.count += 1;
    const request = step(desk, chance);
    const status = await exchange(request, desk, options.gatewayUrl, sent);
    options.onExchange?.({ tenant: desk.tenant, method: request.method, path: request.path, status });
    sent += 1;
    if (status === null) unanswered += 1;
    await pause((MILLISECONDS_PER_SECOND / requestsPerSecond) * (1 + PAUSE_SPREAD * (2 * chance() - 1)), signal);
  }
  return { sent, unanswered };
}

/** Sends one request and remembers what later ones need; null when no answer came. */
async function exchange({ method, path, body }: Request, desk: Desk, gatewayUrl: string, number: number): Promise<number | null> {
  const headers: Record<string, string> = {
    accept: "application/json",
    "user-agent": "sidestream-demo",
    "x-okapi-tenant": desk.tenant,
    "x-okapi-request-id": `demo-${number + 1}`,
  };
  if (desk.token !== null) headers["x-okapi-token"] = desk.token;
  if (body !== undefined) headers["content-type"] = "application/json";
  try {
    const response = await fetch(new URL(path, gatewayUrl), {
      method,
      headers,
      signal: AbortSignal.timeout(ANSWER_WAIT_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    remember(desk, method, path, response, await response.text());
    return response.status;
  } catch {
    // The gateway stops before the traffic does when the demo ends, and a demo goes on over a hiccup.
    return null;
  }
}

function remember(desk: Desk, method: string, path: string, response: Response, text: string): void {
  if (!response.ok || text === "") return;
  desk.token = response.headers.get("x-okapi-token") ?? desk.token;
  const answer = JSON.parse(text) as Record<string, unknown>;
  if (method === "POST" && typeof answer["id"] === "string") desk.created.set(path, answer);
  if (Array.isArray(answer["users"])) desk.users = answer["users"] as Record<string, unknown>[];
  if (Array.isArray(answer["items"])) desk.items = answer["items"] as Record<string, unknown>[];
}

/** A record that isn't known yet gives an id that the library doesn't know either. */
function idOf(record: Readonly<Record<string, unknown>> | undefined): string {
  return typeof record?.["id"] === "string" ? record["id"] : "unknown";
}

function pick<Value>(values: readonly Value[], chance: () => number): Value {
  return values[Math.floor(chance() * values.length)] as Value;
}

async function pauseUntil(waitMs: number, signal: AbortSignal): Promise<void> {
  // An aborted pause is the ordinary end; the loop sees the signal.
  await pauseFor(waitMs, undefined, { signal }).catch(() => undefined);
}

/** Numbers from 0 to below 1 that follow from the seed: a linear congruential generator with the constants of Numerical Recipes. */
function chances(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
