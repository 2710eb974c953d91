import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { isSidestreamError, type ErrorCode } from "../../errors.ts";
import { tokenFromEndpoint, tokenFromFile, type TokenEndpoint } from "./login-token.ts";

/** A token endpoint that answers so; it ends with the test. */
async function endpoint(t: TestContext, answer: RequestListener): Promise<TokenEndpoint> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { tokenUrl: `http://127.0.0.1:${port}/token`, clientId: "id:é", clientSecret: "s e+c&r%et" };
}

const json =
  (value: unknown, status = 200): RequestListener =>
  (_request, response) =>
    void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));

async function fails(work: Promise<unknown>, code: ErrorCode, text: RegExp): Promise<void> {
  await rejects(work, (error: unknown) => {
    if (!isSidestreamError(error)) throw error;
    equal(error.code, code, error.message);
    match(error.message, text);
    equal(/s e\+c|hidden/.test(error.message), false, error.message);
    return true;
  });
}

test("the endpoint is asked by client credentials, as RFC 6749 encodes them", async (t) => {
  let body = "";
  let authorization = "";
  const at = await endpoint(t, (request, response) => {
    authorization = request.headers.authorization ?? "";
    request.on("data", (part) => (body += String(part)));
    request.on("end", () => json({ access_token: "t1", expires_in: 60 })(request, response));
  });
  equal(await tokenFromEndpoint({ ...at, scope: "a b" })(t.signal), "t1");
  equal(body, "grant_type=client_credentials&scope=a+b");
  equal(Buffer.from(authorization.replace("Basic ", ""), "base64").toString(), "id%3A%C3%A9:s+e%2Bc%26r%25et");
});

test("a token is kept until shortly before it expires, and calls at the same time share a request", async (t) => {
  let asked = 0;
  const at = await endpoint(t, (request, response) => json({ access_token: `t${++asked}`, expires_in: "100" })(request, response));
  let nowMs = 0;
  const token = tokenFromEndpoint(at, () => nowMs);
  deepEqual(await Promise.all([token(t.signal), token(t.signal)]), ["t1", "t1"]);
  nowMs = 79_999;
  equal(await token(t.signal), "t1");
  nowMs = 80_000;
  equal(await token(t.signal), "t2");
});

test("a token without a life is used once", async (t) => {
  let asked = 0;
  const at = await endpoint(t, (request, response) => json({ access_token: `t${++asked}` })(request, response));
  const token = tokenFromEndpoint(at);
  deepEqual([await token(t.signal), await token(t.signal)], ["t1", "t2"]);
});

test("an endpoint that refuses is a refused login, with its reason and without what it says beyond", async (t) => {
  const at = await endpoint(t, json({ error: "invalid_client", error_description: "hidden" }, 401));
  await fails(tokenFromEndpoint(at)(t.signal), "SST_DESTINATION_LOGIN", /status 401 invalid_client$/);
});

test("an endpoint that is out of order or not there is unreachable", async (t) => {
  const at = await endpoint(t, json({ access_token: "hidden" }, 503));
  await fails(tokenFromEndpoint(at)(t.signal), "SST_DESTINATION_UNREACHABLE", /status 503$/);
  const cut = await endpoint(t, (request) => request.socket.destroy());
  await fails(tokenFromEndpoint(cut)(t.signal), "SST_DESTINATION_UNREACHABLE", /ECONNRESET/);
});

test("a redirect is not followed", async (t) => {
  const other = await endpoint(t, json({ access_token: "hidden" }));
  const at = await endpoint(t, (_request, response) => void response.writeHead(307, { location: other.tokenUrl }).end());
  await fails(tokenFromEndpoint(at)(t.signal), "SST_DESTINATION_LOGIN", /status 307$/);
});

test("an answer without a token, or one that could not be sent on, is a refused login", async (t) => {
  for (const value of [{}, [], null, "hidden", { access_token: 1 }, { access_token: "" }, { access_token: "hidden\u0001auth=x" }]) {
    const at = await endpoint(t, json(value));
    await fails(tokenFromEndpoint(at)(t.signal), "SST_DESTINATION_LOGIN", /without a token$/);
  }
});

test("an answer without end is given up", async (t) => {
  const at = await endpoint(t, (_request, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write("x".repeat(8192)));
    };
    response.on("drain", more);
    more();
  });
  await fails(tokenFromEndpoint(at)(t.signal), "SST_DESTINATION_LOGIN", /more than 65536 bytes$/);
});

test("an endpoint that says nothing is given up with the signal", async (t) => {
  const giveUp = new AbortController();
  const at = await endpoint(t, () => giveUp.abort());
  await fails(tokenFromEndpoint(at)(giveUp.signal), "SST_DESTINATION_UNREACHABLE", /no answer in time$/);
});

test("a token file is read each time, without the line's end", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "sidestream-token-"));
  t.after(async () => await rm(folder, { recursive: true }));
  const path = join(folder, "token");
  const token = tokenFromFile(path);
  await fails(token(t.signal), "SST_DESTINATION_LOGIN", /token: ENOENT$/);
  await writeFile(path, "a.b.c\n");
  equal(await token(t.signal), "a.b.c");
  await writeFile(path, "d.e.f");
  equal(await token(t.signal), "d.e.f");
  for (const text of ["", "hidden \u0001", "x".repeat(65_537)]) {
    await writeFile(path, text);
    await fails(token(t.signal), "SST_DESTINATION_LOGIN", /holds (no token|more than 65536 bytes)$/);
  }
});
