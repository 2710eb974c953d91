import { deepEqual, equal, match } from "node:assert/strict";
import { once } from "node:events";
import { createConnection } from "node:net";
import { after, before, test } from "node:test";
import { SAMPLE_LOGIN, openSampleLibrary } from "./sample-library.ts";
import type { SampleLibrary } from "./sample-library.ts";
import { BROKEN_BARCODE, SampleRecords } from "./sample-records.ts";

let library: SampleLibrary;
before(async () => {
  library = await openSampleLibrary();
});
after(async () => library.close());

async function call(
  method: string,
  path: string,
  options: { tenant?: string | null; body?: unknown; headers?: Record<string, string> } = {},
) {
  const { tenant = "diku", body, headers = {} } = options;
  const response = await fetch(library.address + path, {
    method,
    headers: { ...(tenant === null ? {} : { "x-okapi-tenant": tenant }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const content = await response.text();
  const json = response.headers.get("content-type") === "application/json" ? (JSON.parse(content) as Record<string, unknown>) : {};
  return { status: response.status, headers: response.headers, text: content, json };
}

/** Any record of a kind. */
async function anyOf(
  path: string,
  list: string,
  fits: (record: Record<string, unknown>) => boolean = () => true,
): Promise<Record<string, unknown>> {
  const { json } = await call("GET", `${path}?limit=100`);
  return (json[list] as Record<string, unknown>[]).find(fits) ?? {};
}

test("a list is paged and says how many there are", async () => {
  const { status, json } = await call("GET", "/users?limit=2&offset=1");
  equal(status, 200);
  equal((json["users"] as unknown[]).length, 2);
  equal(typeof json["totalRecords"], "number");
});

test("each collection answers under FOLIO's name for its list", async () => {
  for (const [path, list] of [
    ["/users", "users"],
    ["/groups", "usergroups"],
    ["/inventory/items", "items"],
    ["/circulation/loans", "loans"],
  ] as const) {
    equal(Array.isArray((await call("GET", path)).json[list]), true, path);
  }
});

test("a record is created, read, changed and removed", async () => {
  const created = await call("POST", "/users", { body: { username: "frieda" } });
  equal(created.status, 201);
  const path = `/users/${String(created.json["id"])}`;
  equal(created.headers.get("location"), path);
  equal((await call("PUT", path, { body: { username: "frieda", active: false } })).status, 204);
  equal((await call("GET", path)).json["active"], false);
  equal((await call("DELETE", path)).status, 204);
  equal((await call("GET", path)).status, 404);
});

test("one tenant doesn't see another's records", async () => {
  const { json } = await call("POST", "/users", { body: { username: "only-here" } });
  equal((await call("GET", `/users/${String(json["id"])}`, { tenant: "testlib" })).status, 404);
});

test("a log-in answers with a token in the header and the body", async () => {
  const { status, json, headers } = await call("POST", "/authn/login", { body: SAMPLE_LOGIN });
  equal(status, 201);
  equal(headers.get("x-okapi-token"), json["okapiToken"]);
  const [, claims] = String(json["okapiToken"]).split(".");
  const { tenant, sub } = JSON.parse(Buffer.from(claims ?? "", "base64url").toString()) as Record<string, unknown>;
  deepEqual({ tenant, sub }, { tenant: "diku", sub: SAMPLE_LOGIN.username });
});

test("a wrong password is 422", async () => {
  equal((await call("POST", "/authn/login", { body: { ...SAMPLE_LOGIN, password: "guess" } })).status, 422);
});

test("the broken item answers 500", async () => {
  const item = await anyOf("/inventory/items", "items", (each) => each["barcode"] === BROKEN_BARCODE);
  equal((await call("GET", `/inventory/items/${String(item["id"])}`)).status, 500);
});

test("what the library doesn't take is told with the status that FOLIO uses", async () => {
  equal((await call("GET", "/users", { tenant: null })).status, 400);
  match((await call("GET", "/users", { tenant: "nobody" })).text, /No such Tenant nobody/u);
  equal((await call("GET", "/nothing/here")).status, 404);
  equal((await call("PATCH", "/users")).status, 405);
  equal((await call("POST", "/users", { body: "{" })).status, 422);
  equal((await call("POST", "/users", { body: "[]" })).status, 422);
  match((await call("POST", "/circulation/loans", { body: { userId: "u" } })).text, /Required and missing: itemId/u);
});

test("a body beyond the bound is 413 and the library goes on", async () => {
  equal((await call("POST", "/users", { body: { username: "x".repeat(300_000) } })).status, 413);
  equal((await call("GET", "/groups")).status, 200);
});

test("the request id comes back, and the trace names the module", async () => {
  const { headers } = await call("GET", "/inventory/items", { headers: { "x-okapi-request-id": "r-1" } });
  equal(headers.get("x-okapi-request-id"), "r-1");
  match(headers.get("x-okapi-trace") ?? "", /^GET mod-inventory-21\.1\.2 \/inventory\/items : 200 \d+us$/u);
});

test("a client that hangs up mid-body costs nothing", async () => {
  const socket = createConnection(library.port, "127.0.0.1");
  await once(socket, "connect");
  socket.write("POST /users HTTP/1.1\r\nhost: a\r\nx-okapi-tenant: diku\r\ncontent-length: 100\r\n\r\n{");
  socket.destroy();
  await once(socket, "close");
  equal((await call("GET", "/groups")).status, 200);
});

test("the same calls make the same ids", () => {
  const ids = (): string[] => new SampleRecords("diku").all("users").map((user) => user.id);
  deepEqual(ids(), ids());
  match(ids()[0] ?? "", /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/u);
});

test("records are bounded, the oldest going first", () => {
  const records = new SampleRecords("diku");
  const first = records.add("loans", {});
  for (let made = 0; made < 600; made += 1) records.add("loans", {});
  equal(records.all("loans").length, 500);
  equal(records.find("loans", first.id), undefined);
});
