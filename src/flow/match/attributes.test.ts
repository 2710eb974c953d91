import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import type { AgentEvent, CapturedBody, IdentifiedEvent, Identity, Transaction } from "../event.ts";
import { attributesOf } from "./attributes.ts";
import type { ContentReader } from "./attributes.ts";
import { HEADER_NAMES_MAX } from "./bounds.ts";
import type { ReservedWord } from "./rule.ts";

const body = (sizeBytes: number): CapturedBody => ({ bytes: Buffer.alloc(0), sizeBytes, truncated: false });
const noContent: ContentReader = { values: () => undefined };

const transaction: Transaction = {
  method: "POST",
  target: "/users/1?query=a&b=?",
  httpVersion: "1.1",
  requestHeaders: ["X-Okapi-Tenant", "claimed", "X-Thing", "1", "x-thing", "2"],
  requestBody: body(10),
  status: 201,
  responseHeaders: ["Content-Type", "application/json", "X-Thing", "3"],
  responseBody: body(20),
  outcome: "complete",
  durationMs: 12.9,
  remoteAddress: "127.0.0.1",
};
const agent: AgentEvent = { topic: "connections", wallet: "w1", payload: body(30) };
const identity: Identity = {
  tenant: "diku",
  moduleName: "mod-users",
  moduleId: "mod-users-1.0.0",
  moduleVersion: "1.0.0",
  interface: "users",
  interfaceVersion: "16.0",
  route: "/users/{id}",
  permission: "users.item.post",
  userId: "u1",
};

const eventOf = (some: Partial<IdentifiedEvent>): IdentifiedEvent => ({
  id: "1",
  kind: "transaction",
  source: "front",
  sourcePosition: 0,
  timeMs: 0,
  transaction: null,
  agent: null,
  identity,
  ...some,
});
const word = (event: IdentifiedEvent, name: ReservedWord, content = noContent): string | null | undefined =>
  attributesOf(event, content).word(name);

test("a transaction fills the words of HTTP and of its module", () => {
  const event = eventOf({ transaction });
  for (const [name, value] of Object.entries({
    SOURCE: "front",
    EVENTTYPE: "transaction",
    TENANT: "diku",
    METHOD: "POST",
    PATH: "/users/1",
    QUERY: "query=a&b=?",
    ROUTE: "/users/{id}",
    STATUS: "201",
    OUTCOME: "complete",
    DURATION: "12",
    REQUESTSIZE: "10",
    RESPONSESIZE: "20",
    USERID: "u1",
    REQUESTID: undefined,
    MODULENAME: "mod-users",
    MODULEID: "mod-users-1.0.0",
    MODULEVERSION: "1.0.0",
    INTERFACE: "users",
    INTERFACEVERSION: "16.0",
    PERMISSION: "users.item.post",
    TOPIC: undefined,
    CATEGORY: undefined,
    STATE: undefined,
    WALLET: undefined,
    LABEL: undefined,
  })) {
    equal(word(event, name as ReservedWord), value, name);
  }
});

test("an agent's event fills the words of agents and none of HTTP", () => {
  const event = eventOf({ kind: "agent", agent, identity: { tenant: "w1" } });
  for (const [name, value] of Object.entries({
    EVENTTYPE: "agent",
    TENANT: "w1",
    TOPIC: "connections",
    CATEGORY: "connections",
    WALLET: "w1",
    REQUESTSIZE: "30",
    RESPONSESIZE: undefined,
    LABEL: undefined,
    METHOD: undefined,
    PATH: undefined,
    QUERY: undefined,
    STATUS: undefined,
    OUTCOME: undefined,
    DURATION: undefined,
    USERID: undefined,
    MODULENAME: undefined,
  })) {
    equal(word(event, name as ReservedWord), value, name);
  }
  equal(attributesOf(event, noContent).header("x"), undefined);
  equal(word(eventOf({ agent: { ...agent, wallet: null } }), "WALLET"), undefined);
});

test("the category is the record's topic, also in the agent's own form", () => {
  for (const [topic, category] of [
    ["acapy::record::connections::completed", "connections"],
    ["acapy::webhook::basicmessages", "basicmessages"],
    ["acapy::basicmessage::received", "basicmessages"],
    ["acapy::actionmenu::received", "actionmenu"],
    ["acapy::actionmenu::get-active-menu", "get-active-menu"],
    ["acapy::ping::response_received", "ping"],
    ["acapy::core::multitenant::wallet::created::1", "core"],
    ["anoncreds::revocation-list::finished", "revocation-list"],
    ["sidestream::journal::gap", "gap"],
    ["ping", "ping"],
    ["__proto__", "__proto__"],
  ] as const) {
    equal(word(eventOf({ agent: { ...agent, topic } }), "CATEGORY"), category);
  }
});

test("label and quality of service are what the source tells", () => {
  const event = eventOf({ agent: { ...agent, label: "Alice", qos: "exactly-once" } });
  equal(word(event, "LABEL"), "Alice");
  equal(word(event, "QOS"), "exactly-once");
  equal(word(eventOf({ agent }), "QOS"), undefined);
});

test("the state comes out of the payload: its value, absent, or unknown", () => {
  const event = eventOf({ agent });
  const reading = (found: readonly string[] | undefined | null): ContentReader => ({
    values: (part, pointer) => (part === "payload" && pointer.join() === "state" ? found : undefined),
  });
  equal(word(event, "STATE", reading(["completed"])), "completed");
  equal(word(event, "STATE", reading(undefined)), undefined);
  equal(word(event, "STATE", reading(null)), null);
});

test("a path without a question mark has no query; one that ends in it has an empty one", () => {
  equal(word(eventOf({ transaction: { ...transaction, target: "/a" } }), "QUERY"), undefined);
  equal(word(eventOf({ transaction: { ...transaction, target: "/a" } }), "PATH"), "/a");
  equal(word(eventOf({ transaction: { ...transaction, target: "/a?" } }), "QUERY"), "");
  equal(word(eventOf({ transaction: { ...transaction, target: "/a?" } }), "PATH"), "/a");
});

test("a client that was never answered got no status", () => {
  equal(word(eventOf({ transaction: { ...transaction, status: 0 } }), "STATUS"), undefined);
});

test("user and request ids fall back to headers", () => {
  const withHeaders = (...requestHeaders: string[]): IdentifiedEvent =>
    eventOf({ transaction: { ...transaction, requestHeaders }, identity: { tenant: "diku" } });
  equal(word(withHeaders("X-Okapi-User-Id", "u2"), "USERID"), "u2");
  equal(word(withHeaders("X-Request-Id", "r1"), "REQUESTID"), "r1");
  equal(word(withHeaders("X-Request-Id", "r1", "X-Okapi-Request-Id", "r2"), "REQUESTID"), "r2");
});

test("headers are found in any case, with all their values, in their order", () => {
  const attributes = attributesOf(eventOf({ transaction }), noContent);
  deepEqual(attributes.header("x-thing"), ["1", "2"]);
  deepEqual(attributes.responseHeader("x-thing"), ["3"]);
  deepEqual(attributes.header("x-okapi-tenant"), ["claimed"]);
  equal(attributes.header("x-none"), undefined);
  equal(attributes.header("__proto__"), undefined);
  equal(attributes.header("constructor"), undefined);
});

test("header values that are UTF-8 are read as such, others byte for byte", () => {
  const requestHeaders = ["a", Buffer.from("größe 漢").toString("latin1"), "b", "gr\u00f6\u00dfe", "c", "漢"];
  const attributes = attributesOf(eventOf({ transaction: { ...transaction, requestHeaders } }), noContent);
  deepEqual(attributes.header("a"), ["größe 漢"]);
  deepEqual(attributes.header("b"), ["größe"]);
  deepEqual(attributes.header("c"), ["漢"]);
});

test("headers beyond the bound on distinct names are still found", () => {
  const requestHeaders = Array.from({ length: HEADER_NAMES_MAX + 5 }, (_, index) => [`X-${index}`, `${index}`]).flat();
  const attributes = attributesOf(
    eventOf({ transaction: { ...transaction, requestHeaders: [...requestHeaders, "X-1", "again", `x-${HEADER_NAMES_MAX + 2}`, "again"] } }),
    noContent,
  );
  deepEqual(attributes.header("x-1"), ["1", "again"]);
  deepEqual(attributes.header(`x-${HEADER_NAMES_MAX + 2}`), [`${HEADER_NAMES_MAX + 2}`, "again"]);
  equal(attributes.header("x-none"), undefined);
});

test("content is passed on as the reader gives it", () => {
  const attributes = attributesOf(eventOf({ transaction }), { values: (part, pointer) => (part === "request.body" ? [...pointer] : null) });
  deepEqual(attributes.content("request.body", ["a", "b"]), ["a", "b"]);
  equal(attributes.content("response.body", []), null);
});
