/**
 * The sample library: a small upstream in the shape of FOLIO's APIs, with data of its own, for `sidestream demo`.
 *
 * Promise: it listens on loopback only, keeps everything in memory, understands the X-Okapi headers, and bounds bodies,
 * connections and records. It is a toy to look at, not a test double for FOLIO.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { BROKEN_BARCODE, SAMPLE_TENANTS, SampleRecords } from "./sample-records.ts";
import type { RecordKind } from "./sample-records.ts";

/** Ten times the largest record of the demo. */
const BODY_BYTES_MAX = 256 * 1024;
const CONNECTIONS_MAX = 64;
const REQUEST_WAIT_MS = 10_000;
const PAGE_SIZE_DEFAULT = 10;
const PAGE_SIZE_MAX = 100;

export const SAMPLE_LOGIN = { username: "ada", password: "overdue-since-1921" };

export interface SampleLibrary {
  readonly port: number;
  readonly address: string;
  close(): Promise<void>;
}

interface Collection {
  readonly path: string;
  readonly kind: RecordKind;
  /** Name of the list in the answer. */
  readonly list: string;
  /** Version in X-Okapi-Trace. */
  readonly moduleId: string;
  readonly required: readonly string[];
}

const COLLECTIONS: readonly Collection[] = [
  { path: "/users", kind: "users", list: "users", moduleId: "mod-users-19.6.0", required: ["username"] },
  { path: "/groups", kind: "groups", list: "usergroups", moduleId: "mod-users-19.6.0", required: ["group"] },
  { path: "/inventory/items", kind: "items", list: "items", moduleId: "mod-inventory-21.1.2", required: ["title"] },
  { path: "/circulation/loans", kind: "loans", list: "loans", moduleId: "mod-circulation-24.4.0", required: ["userId", "itemId"] },
];
const LOGIN_PATH = "/authn/login";
const LOGIN_MODULE_ID = "mod-login-7.12.0";

interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Call {
  readonly method: string;
  readonly url: URL;
  readonly tenant: string;
  readonly records: SampleRecords;
  readonly body: string;
}

/** Starts the sample library; port 0 takes a free one. */
export async function openSampleLibrary(port = 0): Promise<SampleLibrary> {
  const tenants = new Map(SAMPLE_TENANTS.map((tenant) => [tenant as string, new SampleRecords(tenant)]));
  const server = createServer({ requestTimeout: REQUEST_WAIT_MS }, (request, response) => {
    void answer(request, response, tenants);
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const taken = (server.address() as AddressInfo).port;
  return {
    port: taken,
    address: `http://127.0.0.1:${taken}`,
    async close() {
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Answers one request; never rejects: what breaks is answered with 500. */
async function answer(request: IncomingMessage, response: ServerResponse, tenants: ReadonlyMap<string, SampleRecords>): Promise<void> {
  const began = performance.now();
  try {
    const body = await readBody(request);
    const url = new URL(request.url ?? "/", "http://sample-library");
    const reply = body === null ? text(413, "The body is too large for the sample library") : route(request, url, body, tenants);
    const headers: Record<string, string> = { ...reply.headers };
    const requestId = request.headers["x-okapi-request-id"];
    if (typeof requestId === "string") headers["x-okapi-request-id"] = requestId;
    const micros = Math.round((performance.now() - began) * 1000);
    headers["x-okapi-trace"] = `${request.method} ${moduleOf(url.pathname)} ${url.pathname} : ${reply.status} ${micros}us`;
    send(response, { ...reply, headers });
  } catch (problem) {
    // A client that hung up mid-body has no use for an answer; to any other the fault is told.
    if (!response.destroyed)
      send(response, text(500, `The sample library broke: ${problem instanceof Error ? problem.message : String(problem)}`));
  }
}

function route(request: IncomingMessage, url: URL, body: string, tenants: ReadonlyMap<string, SampleRecords>): Answer {
  const tenant = request.headers["x-okapi-tenant"];
  if (typeof tenant !== "string" || tenant === "") return text(400, "Missing Tenant: X-Okapi-Tenant");
  const records = tenants.get(tenant);
  if (records === undefined) return text(400, `No such Tenant ${tenant}`);
  const call: Call = { method: request.method ?? "GET", url, tenant, records, body };
  if (url.pathname === LOGIN_PATH) return login(call);
  const collection = collectionOf(url.pathname);
  if (collection === undefined) return text(404, `No suitable module found for path ${url.pathname} for tenant ${tenant}`);
  const id = url.pathname.slice(collection.path.length + 1);
  return id === "" ? onCollection(call, collection) : onRecord(call, collection, id);
}

function onCollection({ method, url, records, body }: Call, { kind, list, path, required }: Collection): Answer {
  if (method === "GET") {
    const offset = wholeNumber(url.searchParams.get("offset"), 0);
    const limit = Math.min(wholeNumber(url.searchParams.get("limit"), PAGE_SIZE_DEFAULT), PAGE_SIZE_MAX);
    const all = records.all(kind);
    return { status: 200, body: { [list]: all.slice(offset, offset + limit), totalRecords: all.length } };
  }
  if (method !== "POST") return text(405, `${method} is not supported here`);
  const fields = parseRecord(body, required);
  if (typeof fields === "string") return invalid(fields);
  const record = records.add(kind, fields);
  return { status: 201, body: record, headers: { location: `${path}/${record.id}` } };
}

function onRecord({ method, records, body }: Call, { kind, required }: Collection, id: string): Answer {
  const found = records.find(kind, id);
  if (found === undefined) return text(404, "Not found");
  if (method === "GET") {
    if (found["barcode"] === BROKEN_BARCODE) return text(500, "The storage of this item did not answer");
    return { status: 200, body: found };
  }
  if (method === "DELETE") {
    records.remove(kind, id);
    return { status: 204 };
  }
  if (method !== "PUT") return text(405, `${method} is not supported here`);
  const fields = parseRecord(body, required);
  if (typeof fields === "string") return invalid(fields);
  records.replace(kind, id, fields);
  return { status: 204 };
}

/** Answers with tokens that look like Okapi's: a JSON web token, its signature made up. */
function login({ method, tenant, records, body }: Call): Answer {
  if (method !== "POST") return text(405, `${method} is not supported here`);
  const fields = parseRecord(body, ["username", "password"]);
  if (typeof fields === "string") return invalid(fields);
  const user = records.all("users").find((each) => each["username"] === fields["username"]);
  if (user === undefined || fields["password"] !== SAMPLE_LOGIN.password) return invalid("Password does not match");
  const claims = { sub: user["username"], user_id: user.id, tenant, type: "access" };
  const part = (value: unknown): string => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
  const token = `${part({ alg: "none" })}.${part(claims)}.${part("sample-signature")}`;
  return {
    status: 201,
    body: { okapiToken: token, refreshToken: part(`refresh ${user.id}`), tenant },
    headers: { "x-okapi-token": token },
  };
}

function collectionOf(path: string): Collection | undefined {
  return COLLECTIONS.find(
    (each) => path === each.path || (path.startsWith(`${each.path}/`) && !path.slice(each.path.length + 1).includes("/")),
  );
}

function moduleOf(path: string): string {
  return path === LOGIN_PATH ? LOGIN_MODULE_ID : (collectionOf(path)?.moduleId ?? "okapi");
}

/** The record in a body, or what is wrong with it. */
function parseRecord(body: string, required: readonly string[]): Readonly<Record<string, unknown>> | string {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return "The body is not JSON";
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "The body is not an object";
  const fields = value as Record<string, unknown>;
  const missing = required.filter((name) => typeof fields[name] !== "string" || fields[name] === "");
  return missing.length === 0 ? fields : `Required and missing: ${missing.join(", ")}`;
}

/** FOLIO's way to say that a record won't do. */
function invalid(message: string): Answer {
  return { status: 422, body: { errors: [{ message, parameters: [] }], total_records: 1 } };
}

function text(status: number, message: string): Answer {
  return { status, body: message, headers: { "content-type": "text/plain" } };
}

function wholeNumber(value: string | null, otherwise: number): number {
  return value !== null && /^\d{1,6}$/u.test(value) ? Number(value) : otherwise;
}

/** The body as text, or null when it is too large; the rest of such a body is read and thrown away. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= BODY_BYTES_MAX) chunks.push(chunk);
  }
  return size > BODY_BYTES_MAX ? null : Buffer.concat(chunks).toString("utf8");
}

function send(response: ServerResponse, { status, body, headers }: Answer): void {
  if (body === undefined) {
    response.writeHead(status, headers).end();
    return;
  }
  const content = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  response.writeHead(status, { "content-type": "application/json", ...headers, "content-length": content.length }).end(content);
}
