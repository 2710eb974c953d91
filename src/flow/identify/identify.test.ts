import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Event, Identity } from "../event.ts";
import type { PlatformSettings, SourceSettings, StaticRoute, TenantFrom } from "../settings.ts";
import { createIdentify } from "./identify.ts";
import { splitModuleId } from "./module-id.ts";
import { targetPath } from "../../driver/target-path.ts";
import { tokenClaim } from "./token.ts";

const EMPTY = { bytes: Buffer.alloc(0), sizeBytes: 0, truncated: false };

function transaction(target: string, requestHeaders: readonly string[] = [], method = "GET"): Event {
  return {
    id: "e1",
    kind: "transaction",
    source: "front",
    sourcePosition: 0,
    timeMs: 0,
    agent: null,
    transaction: {
      method,
      target,
      httpVersion: "1.1",
      requestHeaders,
      requestBody: EMPTY,
      status: 200,
      responseHeaders: [],
      responseBody: EMPTY,
      outcome: "complete",
      durationMs: 1,
      remoteAddress: "127.0.0.1",
    },
  };
}

function agentEvent(wallet: string | null, source = "agents"): Event {
  return {
    id: "a1",
    kind: "agent",
    source,
    sourcePosition: 0,
    timeMs: 0,
    transaction: null,
    agent: { topic: "ping", wallet, payload: EMPTY },
  };
}

function source(platform: PlatformSettings | null, name = "front", defaultTenant = "base"): SourceSettings {
  return { name, type: "gateway", platform, defaultTenant, options: {} };
}

function identified(platform: PlatformSettings, event: Event): Identity | null {
  return createIdentify([source(platform)])(event)?.identity ?? null;
}

function withTenants(...tenant: readonly TenantFrom[]): PlatformSettings {
  return { type: "static", tenant, defaultTenant: null, routes: [] };
}

function withRoutes(...routes: readonly StaticRoute[]): PlatformSettings {
  return { type: "static", tenant: [], defaultTenant: "diku", routes };
}

function jwt(claims: unknown): string {
  return `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c2ln`;
}

const HEADER: TenantFrom = { from: "header", name: "X-Okapi-Tenant" };
const CLAIM: TenantFrom = { from: "tokenClaim", claim: "tenant" };

test("none: the tenant is the header's value, else the default; the event stays as it was", () => {
  const platform: PlatformSettings = { type: "none", tenant: { header: "x-okapi-tenant", default: "nobody" } };
  const event = transaction("/", ["X-Okapi-Tenant", "diku"]);
  assert.deepEqual(createIdentify([source(platform)])(event), { ...event, identity: { tenant: "diku" } });
  assert.deepEqual(identified(platform, transaction("/")), { tenant: "nobody" });
  assert.deepEqual(identified(platform, transaction("/", ["X-Okapi-Tenant", ""])), { tenant: "nobody" });
  assert.deepEqual(identified({ type: "none", tenant: { header: null, default: "one" } }, event), { tenant: "one" });
});

test("a tenant given twice is taken when both say the same, and is unidentified when they differ", () => {
  const platform = withTenants(HEADER);
  assert.deepEqual(identified(platform, transaction("/", ["X-Okapi-Tenant", "a", "x-okapi-tenant", "a"])), { tenant: "a" });
  assert.equal(identified(platform, transaction("/", ["X-Okapi-Tenant", "a", "x-okapi-tenant", "b"])), null);
});

test("a value from outside that is no tenant makes the event unidentified, and no later way is tried", () => {
  const platform: PlatformSettings = { type: "static", tenant: [HEADER, CLAIM], defaultTenant: "fallback", routes: [] };
  const token = ["X-Okapi-Token", jwt({ tenant: "diku" })];
  for (const bad of ["a b", "a\tb", "a\u0000", "a\u00a0b", "\u202ea", "x".repeat(129), "\u0085"]) {
    assert.equal(identified(platform, transaction("/", ["X-Okapi-Tenant", bad, ...token])), null, JSON.stringify(bad));
  }
  assert.deepEqual(identified(platform, transaction("/", ["X-Okapi-Tenant", "x".repeat(128)])), { tenant: "x".repeat(128) });
});

test("the token's claim is read from X-Okapi-Token, a bearer token or the cookie, and padded or url-safe base64 is no trouble", () => {
  const platform = withTenants(CLAIM);
  const token = jwt({ tenant: "diku", sub: ">>?>>?~~~ÿÿÿ" });
  assert.match(token, /[-_]/);
  for (const headers of [
    ["X-Okapi-Token", token],
    ["authorization", `Bearer ${token}`],
    ["Authorization", `bearer  ${token} `],
    ["Cookie", `a=b; folioAccessToken=${token}; c=d`],
    ["Cookie", "a=b", "Cookie", `folioAccessToken="${token}"`],
    ["X-Okapi-Token", token, "Authorization", `Bearer ${token}`],
  ]) {
    assert.equal(identified(platform, transaction("/", headers))?.tenant, "diku", headers.join("|"));
  }
});

test("two tokens that differ make the event unidentified", () => {
  const headers = ["X-Okapi-Token", jwt({ tenant: "a" }), "Authorization", `Bearer ${jwt({ tenant: "b" })}`];
  assert.equal(identified(withTenants(CLAIM), transaction("/", headers)), null);
});

test("what is no JSON web token, or has no such claim as text, counts as absent", () => {
  for (const token of [
    "opaque",
    "a.b",
    "a.!!!.c",
    jwt([]),
    jwt(null),
    jwt({ tenant: 1 }),
    jwt({}),
    `e30.${"A".repeat(20_000)}.x`,
    `a.${Buffer.from('{"__proto__":{"tenant":"x"}}').toString("base64url")}.c`,
  ]) {
    assert.equal(tokenClaim(token, "tenant"), undefined, token.slice(0, 40));
  }
  assert.deepEqual(
    identified({ type: "static", tenant: [CLAIM], defaultTenant: "d", routes: [] }, transaction("/", ["Authorization", "Basic eDp5"])),
    { tenant: "d" },
  );
});

test("tokens with the same end are told apart, and a token is read alike the second time", () => {
  const [a, b] = [jwt({ tenant: "a" }), jwt({ tenant: "b" })];
  assert.equal(a.slice(-5), b.slice(-5));
  for (const [token, tenant] of [
    [a, "a"],
    [b, "b"],
    [a, "a"],
    [a, "a"],
  ] as const)
    assert.equal(tokenClaim(token, "tenant"), tenant);
  for (let index = 0; index < 1_000; index++) assert.equal(tokenClaim(jwt({ tenant: `t${index}` }), "tenant"), `t${index}`);
});

test("property: no token makes reading it throw", () => {
  fc.assert(fc.property(fc.string(), fc.string(), (token, claim) => void tokenClaim(token, claim)));
  fc.assert(fc.property(fc.json(), (json) => void tokenClaim(`a.${Buffer.from(json).toString("base64url")}.b`, "tenant")));
});

test("the host tells the tenant, in any case and with a port", () => {
  const platform = withTenants({ from: "host", pattern: "{tenant}.Example.org" });
  assert.equal(identified(platform, transaction("/", ["Host", "DIKU.example.ORG:9130"]))?.tenant, "diku");
  assert.equal(identified(platform, transaction("/", ["Host", "example.org"])), null);
  assert.equal(identified(platform, transaction("/", ["Host", "a.b.example.org"])), null);
});

test("the path tells the tenant, percent-encoding undone", () => {
  const platform = withTenants({ from: "path", pattern: "/_/invoke/tenant/{tenant}/*" });
  assert.equal(identified(platform, transaction("/_/invoke/tenant/diku/users?x=/y"))?.tenant, "diku");
  assert.equal(identified(platform, transaction("/_/invoke/tenant/d%69ku/x"))?.tenant, "diku");
  assert.equal(identified(platform, transaction("/_/invoke/tenant/a%20b/x")), null);
  assert.equal(identified(platform, transaction("/users")), null);
});

test("the ways are tried in their order, and the default comes last", () => {
  const path: TenantFrom = { from: "path", pattern: "/t/{tenant}/*" };
  const headers = ["X-Okapi-Tenant", "h", "X-Okapi-Token", jwt({ tenant: "c" })];
  assert.equal(identified(withTenants(path, HEADER, CLAIM), transaction("/t/p/x", headers))?.tenant, "p");
  assert.equal(identified(withTenants(CLAIM, HEADER, path), transaction("/t/p/x", headers))?.tenant, "c");
  assert.equal(identified(withTenants(path, HEADER), transaction("/x", headers))?.tenant, "h");
  assert.equal(identified(withTenants(path, HEADER), transaction("/x")), null);
});

test("the first route in file order that matches method and path names the handler and the entity", () => {
  const users: StaticRoute = {
    path: "/users/{id}",
    methods: ["GET", "PUT"],
    moduleId: "mod-users-19.6.0-SNAPSHOT.1",
    interface: "users",
    interfaceVersion: "16.4",
    permission: "users.item.get",
  };
  const platform = withRoutes(
    users,
    { path: "/users/*", methods: "*", moduleName: "late" },
    { path: "/users/{x}/cards/{card}", methods: "*", moduleName: "never" },
  );
  assert.deepEqual(identified(platform, transaction("/users/a%2Fb?q=1")), {
    tenant: "diku",
    route: "/users/{id}",
    moduleName: "mod-users",
    moduleId: "mod-users-19.6.0-SNAPSHOT.1",
    moduleVersion: "19.6.0-SNAPSHOT.1",
    interface: "users",
    interfaceVersion: "16.4",
    permission: "users.item.get",
    entityId: "a/b",
  });
  assert.deepEqual(identified(platform, transaction("/users/7", [], "HEAD")), { tenant: "diku", route: "/users/*", moduleName: "late" });
  assert.deepEqual(identified(platform, transaction("/users/7/cards/9"))?.moduleName, "late");
  assert.deepEqual(identified(platform, transaction("/loans")), { tenant: "diku" });
});

test("the entity is the last parameter, and a badly encoded one stays as it is", () => {
  const platform = withRoutes({ path: "/a/{x}/b/{y}", methods: ["*"] });
  assert.equal(identified(platform, transaction("/a/1/b/2"))?.entityId, "2");
  assert.equal(identified(platform, transaction("/a/1/b/%zz%ff"))?.entityId, "%zz%ff");
});

test("names that the configuration gives win over those of the module's id", () => {
  const identity = identified(
    withRoutes({ path: "*", methods: "*", moduleId: "mod-x-1.0", moduleName: "x", moduleVersion: "2" }),
    transaction("/"),
  );
  assert.deepEqual([identity?.moduleName, identity?.moduleVersion], ["x", "2"]);
});

test("the user is the platform's header, else the token's claim", () => {
  const token = ["X-Okapi-Token", jwt({ tenant: "t", user_id: "u-claim" })];
  const platform = withRoutes();
  assert.equal(identified(platform, transaction("/", token))?.userId, "u-claim");
  assert.equal(identified(platform, transaction("/", ["X-Okapi-User-Id", "u-head", ...token]))?.userId, "u-head");
  assert.equal(identified(platform, transaction("/", ["X-Okapi-User-Id", "a", "X-Okapi-User-Id", "b", ...token]))?.userId, undefined);
});

test("a path longer than 8 KiB is unidentified", () => {
  const platform = withRoutes({ path: "*", methods: "*" });
  assert.notEqual(identified(platform, transaction(`/${"a".repeat(8191)}?${"q".repeat(9000)}`)), null);
  assert.equal(identified(platform, transaction(`/${"a".repeat(8192)}`)), null);
});

test("a target with scheme and host is matched by its path", () => {
  assert.deepEqual(["http://h/a/b?c", "http://h", "/x#y", "*", "http://h?x=/y", "/a://b/c"].map(targetPath), [
    "/a/b",
    "/",
    "/x",
    "*",
    "/",
    "/a://b/c",
  ]);
});

test("an agent's tenant is its wallet, and the base wallet's the default; no platform is asked", () => {
  const identify = createIdentify([source(null, "agents", "base"), source(withTenants(HEADER), "front", "base")]);
  assert.deepEqual(identify(agentEvent("w-1"))?.identity, { tenant: "w-1" });
  assert.deepEqual(identify(agentEvent(null))?.identity, { tenant: "base" });
  assert.equal(identify(agentEvent("a b")), null);
  assert.equal(identify(agentEvent("")), null);
});

test("a transaction of a source without platform belongs to its default tenant, and an unknown source's to nobody", () => {
  const identify = createIdentify([source(null)]);
  assert.deepEqual(identify(transaction("/", ["X-Okapi-Tenant", "x"]))?.identity, { tenant: "base" });
  assert.equal(identify(agentEvent("w", "elsewhere")), null);
});

test("a module's id is split at the first dash that a digit follows", () => {
  assert.deepEqual(splitModuleId("mod-users-19.6.0"), { name: "mod-users", version: "19.6.0" });
  assert.deepEqual(splitModuleId("mod-z3950-3.0-1"), { name: "mod-z3950", version: "3.0-1" });
  assert.deepEqual(splitModuleId("folio_users-10.0.0"), { name: "folio_users", version: "10.0.0" });
  assert.deepEqual(splitModuleId("mod-users"), { name: "mod-users", version: null });
});
