import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { gzipSync } from "node:zlib";
import { SECRET_HEADERS } from "./redact-headers.ts";
import { agentEvent, body, dataOf, field, JSON_TYPE, makeMessage, removed, transactionEvent } from "./testing/messages.ts";

const SECRET = "s3cret-Wort-9f27";

function request(bytes: Buffer | string, headers: readonly string[] = JSON_TYPE, target = "/users") {
  return transactionEvent({ requestHeaders: headers, requestBody: body(bytes), target });
}

for (const name of [...SECRET_HEADERS, "X-Auth-Token", "X-CSRF-Token", "x-amz-security-token", "X-Client-Secret", "X_API_KEY"]) {
  test(`the header ${name} does not leave, in requests and in responses`, () => {
    const message = makeMessage(
      transactionEvent({ requestHeaders: [name, SECRET], responseHeaders: [name.toUpperCase(), SECRET, name, `${SECRET}2`] }),
    );
    assert.ok(!message.value.includes(SECRET));
    const data = dataOf(transactionEvent({ requestHeaders: [name, SECRET], responseHeaders: [name, SECRET, name, SECRET] }));
    assert.deepEqual(data.request.headers[name.toLowerCase()], ["[redacted]"]);
    assert.deepEqual(data.response.headers[name.toLowerCase()], ["[redacted]", "[redacted]"]);
    assert.ok(removed(data).includes(`header.${name.toLowerCase()}`) && removed(data).includes(`response.${name.toLowerCase()}`));
  });
}

const SECRET_FIELDS = [
  "password",
  "newPassword",
  "new_password",
  "PASSWD",
  "pwd",
  "userPwd",
  "secret",
  "client_secret",
  "clientSecret",
  "access_token",
  "refresh-token",
  "id_token",
  "token",
  "resetToken",
  "api_key",
  "apiKey",
  "private_key",
  "wallet_key",
  "walletKey",
  "wallet.key",
  "dbstore.key",
  "pin",
  "seed",
  "passphrase",
  "login:password",
  "user[token]",
  "SAMLResponse",
];
for (const name of SECRET_FIELDS) {
  test(`a value under ${name} does not leave: JSON at any depth, form, multipart, query, URLs in headers`, () => {
    const encoded = encodeURIComponent(name);
    const events = [
      request(JSON.stringify({ [name]: SECRET, a: [{ b: { [name]: { deep: SECRET } } }] })),
      request(`a=1&${encoded}=${SECRET}&b=2`, ["Content-Type", "application/x-www-form-urlencoded"]),
      request(`a=1&${encoded}=${SECRET}`, []),
      request(`--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${SECRET}\r\n--b--\r\n`, [
        "Content-Type",
        "multipart/form-data; boundary=b",
      ]),
      request(`--b\r\nContent-Type: application/json\r\n\r\n{"x":{"${name}":"${SECRET}"}}\r\n--b--\r\n`, [
        "Content-Type",
        "multipart/mixed; boundary=b",
      ]),
      request("", [], `/users?x=1&${encoded}=${SECRET}&y=2`),
      request("", [], `/users;${encoded}=${SECRET}/loans`),
      request("", ["Referer", `https://user:${SECRET}@example.com/a?${encoded}=${SECRET}#/x?${encoded}=${SECRET}`]),
      transactionEvent({ responseHeaders: ["Location", `/a?${encoded}=${SECRET}`, "Link", `</next?${encoded}=${SECRET}>; rel="next"`] }),
      transactionEvent({ responseHeaders: JSON_TYPE, responseBody: body(JSON.stringify([[{ [name]: SECRET }]])) }),
      agentEvent({ payload: body(JSON.stringify({ settings: { [name]: SECRET } })) }),
    ];
    for (const event of events) {
      const text = makeMessage(event).value.toString();
      assert.ok(!text.includes(SECRET), text);
      assert.ok(removed(dataOf(event)).length > 0);
    }
  });
}

test("names that only resemble secrets leave: pagination tokens, keys, codes", () => {
  const kept = {
    nextPageToken: "a",
    resumptionToken: "b",
    key: "c",
    invitation_key: "d",
    code: "e",
    secretary: "f",
    syncToken: "i",
    recipientKeys: ["g"],
    spin: "h",
  };
  assert.deepEqual(dataOf(request(JSON.stringify(kept))).request.body, kept);
});

test("what was removed is told by its place, without length or hash for secrets", () => {
  const data = dataOf(request(JSON.stringify({ a: [{ "pass/word": 1, password: "x".repeat(40) }] })));
  assert.deepEqual(data.redacted, [{ path: "request.body/a/0/pass~1word" }, { path: "request.body/a/0/password" }]);
  assert.deepEqual(data.request.body, { a: [{ "pass/word": "[redacted]", password: "[redacted]" }] });
});

test("neither the size nor a digest tells how long a removed secret was", () => {
  const bytes = JSON.stringify({ user: "a", password: SECRET });
  const headers = [...JSON_TYPE, "Content-Length", String(bytes.length), "Digest", "SHA-256=abc"];
  const { request: seen } = dataOf(request(bytes, headers));
  assert.equal(seen.bodySize, null);
  assert.deepEqual([seen.headers["content-length"], seen.headers.digest], [["[redacted]"], ["[redacted]"]]);
  const plain = dataOf(request('{"user":"a"}', [...JSON_TYPE, "Content-Length", "12", "Digest", "SHA-256=abc"]));
  assert.deepEqual(
    [plain.request.bodySize, plain.request.headers["content-length"], plain.request.headers.digest],
    [12, ["12"], ["SHA-256=abc"]],
  );
});

for (const path of [
  "/authn/login",
  "/bl-users/login?expandPermissions=true",
  "/bl-users/login-with-expiry",
  "/authn/refresh",
  "/saml/callback",
  "/_/invoke/tenant/diku/saml/callback",
  "/multitenancy/wallet/w1/token",
  "/oauth2/authorize",
  "/realms/x/protocol/openid-connect/token",
  "/%6Cogin",
  "/LOGIN/",
  "/login;v=1",
]) {
  test(`bodies and query of the login route ${path} do not leave`, () => {
    const mark = path.includes("?") ? "&" : "?";
    const event = transactionEvent({
      target: `${path}${mark}code=${SECRET}`,
      requestHeaders: JSON_TYPE,
      requestBody: body(`{"user":"${SECRET}"}`),
      responseHeaders: JSON_TYPE,
      responseBody: body(`{"x":"${SECRET}"}`),
    });
    const message = makeMessage(event);
    assert.ok(!message.value.includes(SECRET));
    const { request: asked, response } = dataOf(event);
    for (const side of [asked, response])
      assert.deepEqual([side.body, side.bodyWithheld, side.bodySize, side.bodyHash], [null, "login-route", null, undefined]);
  });
}

test("a secret behind a semicolon or inside an encoded URL takes the whole value with it", () => {
  for (const target of [
    `/a?x=1;password=${SECRET}`,
    `/a?next=%2Fb%3Faccess_token%3D${SECRET}`,
    `/a?next=%252Fb%253Ftoken%253D${SECRET}`,
    `/a?code=${SECRET}&state=1`,
  ]) {
    assert.ok(!makeMessage(request("", [], target)).value.includes(SECRET), target);
  }
  assert.equal(dataOf(request("", [], "/a?code=EUR&x=%41+b&flag")).request.query, "code=EUR&x=%41+b&flag");
});

for (const [what, bytes, headers, reason] of [
  ["malformed JSON", `{"password":"${SECRET}"`, JSON_TYPE, "malformed"],
  ["JSON nested too deep", `${"[".repeat(100_000)}{"password":"${SECRET}"}`, JSON_TYPE, "too-deep"],
  ["truncated gzip", gzipSync(`{"password":"${SECRET}"}`).subarray(0, 30), [...JSON_TYPE, "Content-Encoding", "gzip"], "undecodable"],
  ["a bomb", gzipSync(Buffer.alloc(32 * 1024 * 1024)), [...JSON_TYPE, "Content-Encoding", "gzip"], "too-large"],
  [
    "a multipart body without end",
    `--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n${SECRET}`,
    ["Content-Type", "multipart/form-data; boundary=b"],
    "malformed",
  ],
] as const) {
  test(`${what} is withheld whole, with its size and a keyed hash`, () => {
    const event = request(bytes, headers);
    assert.ok(!makeMessage(event).value.includes(SECRET));
    const { request: seen } = dataOf(event);
    assert.deepEqual([seen.body, seen.bodyEncoding, seen.bodyWithheld, seen.bodySize], [null, null, reason, Buffer.byteLength(bytes)]);
    assert.match(seen.bodyHash ?? "", /^hmac:[0-9a-f]{16}$/);
  });
}

test("a cut JSON body is withheld, a cut text stays and says so", () => {
  const cut = dataOf(
    transactionEvent({
      requestHeaders: JSON_TYPE,
      requestBody: body('{"a":1,"pass', 100),
      responseHeaders: ["content-type", "text/plain"],
      responseBody: body("hello wor", 3),
    }),
  );
  assert.deepEqual([cut.request.body, cut.request.bodyWithheld, cut.request.bodyTruncated, cut.request.bodySize], [null, "cut", true, 112]);
  assert.deepEqual([cut.response.body, cut.response.bodyTruncated, cut.response.bodySize], ["hello wor", true, 12]);
  assert.equal(cut.request.bodyHash, undefined, "too short for a hash");
});

test("a stream's redact names fields at pointers, through arrays, at any depth, in forms and parts", () => {
  const json = JSON.stringify({ id: 1, users: [{ email: "a", x: { email: "b" } }, { email: { c: 1 } }], email: "d" });
  const settings = { redact: [field("request.body", "users", "email"), field("request.body", "users", "0", "x")] };
  assert.deepEqual(dataOf(request(json), settings).request.body, {
    id: 1,
    users: [{ email: "[redacted]", x: "[redacted]" }, { email: "[redacted]" }],
    email: "d",
  });
  const any = { redact: [field("request.body", "**", "email")] };
  assert.ok(!JSON.stringify(dataOf(request(json), any).request.body).match(/"[abd]"|"c"/));
  assert.equal(
    dataOf(request("x=1&email=a%40b", ["content-type", "application/x-www-form-urlencoded"]), any).request.body,
    "x=1&email=[redacted]",
  );
  const parts =
    '--b\r\nContent-Disposition: form-data; name="email"\r\n\r\na\r\n--b\r\nContent-Disposition: form-data; name="m"\r\n\r\n{"email":"z","n":1.0}\r\n--b--\r\n';
  assert.equal(
    dataOf(request(parts, ["content-type", "multipart/form-data; boundary=b"]), any).request.body,
    parts.replace("\r\na\r\n", "\r\n[redacted]\r\n").replace('"z"', '"[redacted]"'),
  );
  assert.deepEqual(dataOf(request(json), { redact: [field("request.body")] }).request.bodyOmitted, "redacted");
});

test("a stream's redact names headers and query parameters, in any case, and shows length and hash from 16 bytes on", () => {
  const long = "x".repeat(20);
  const event = transactionEvent({
    target: `/users?Email=${long}&a=1`,
    requestHeaders: ["X-User", "short", "Referer", `/p?email=${long}`],
    responseHeaders: ["ETag", long],
  });
  const data = dataOf(event, {
    redact: [
      { kind: "query", name: "email" },
      { kind: "requestHeader", name: "x-user" },
      { kind: "responseHeader", name: "etag" },
    ],
  });
  assert.equal(data.request.query, "Email=[redacted]&a=1");
  assert.deepEqual(data.request.headers, { "x-user": ["[redacted]"], referer: ["/p?email=[redacted]"] });
  assert.deepEqual(data.response.headers, { etag: ["[redacted]"] });
  const byPath = Object.fromEntries(data.redacted.map((entry) => [entry.path, entry]));
  assert.deepEqual(byPath["header.x-user"], { path: "header.x-user" });
  assert.equal(byPath["response.etag"]?.length, 20);
  assert.equal(byPath["response.etag"]?.hash, byPath["query.Email"]?.hash);
});

test("a removed object that holds a secret shows no hash", () => {
  const data = dataOf(request(JSON.stringify({ card: { owner: "somebody else", password: "x" }, other: { owner: "somebody else" } })), {
    redact: [field("request.body", "card"), field("request.body", "other")],
  });
  assert.deepEqual(Object.keys(data.redacted[0] ?? {}), ["path"]);
  assert.deepEqual(Object.keys(data.redacted[1] ?? {}), ["path", "length", "hash"]);
});

test("keep lets only the named fields of bodies leave, with the objects around them", () => {
  const json = JSON.stringify({
    id: 1,
    personal: { email: "e", name: "n" },
    users: [{ id: 2, x: 3 }, { x: 4 }],
    password: "p",
    tags: ["t"],
  });
  const keep = [
    field("request.body", "id"),
    field("request.body", "personal", "email"),
    field("request.body", "users", "id"),
    field("request.body", "password"),
  ];
  const data = dataOf(
    transactionEvent({ requestHeaders: JSON_TYPE, requestBody: body(json), responseHeaders: JSON_TYPE, responseBody: body(json) }),
    { keep },
  );
  assert.deepEqual(data.request.body, { id: 1, personal: { email: "e" }, users: [{ id: 2 }, {}], password: "[redacted]" });
  assert.deepEqual([data.response.body, data.response.bodyOmitted], [null, "not-kept"]);
});

test("keep reduces forms and multipart bodies to the named fields, and leaves out text and binary ones", () => {
  const keep = [field("request.body", "a"), field("request.body", "m", "n")];
  assert.equal(
    dataOf(request("a=1&b=2&password=3&a=4", ["content-type", "application/x-www-form-urlencoded"]), { keep }).request.body,
    "a=1&a=4",
  );
  const parts =
    '--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--b\r\nContent-Disposition: form-data; name="m"\r\n\r\n{"n":1.0,"o":2}\r\n--b--\r\n';
  assert.equal(
    dataOf(request(parts, ["content-type", "multipart/form-data; boundary=b"]), { keep }).request.body,
    '--b\r\nContent-Disposition: form-data; name="m"\r\n\r\n{"n":1.0}\r\n--b--\r\n',
  );
  for (const text of [Buffer.from("plain words"), Buffer.from([0, 1, 2])])
    assert.equal(dataOf(request(text, []), { keep }).request.bodyOmitted, "not-kept");
});

test("patterns are removed wherever text is: JSON strings, numbers and names, forms, text, query, path, headers", () => {
  const redact = ["card-number", "email", "iban", "jwt"].map((name) => ({ kind: "pattern" as const, name }));
  const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_123";
  const all = `mail jo@example.org card 4111 1111 1111 1111 iban DE89 3704 0044 0532 0130 00 jwt ${jwt}.`;
  const clean = "mail [redacted] card [redacted] iban [redacted] jwt [redacted].";
  const data = dataOf(
    transactionEvent({
      target: `/users/jo%40example.org?q=jo@example.org&n=5`,
      requestHeaders: [...JSON_TYPE, "X-Note", all],
      requestBody: body(JSON.stringify({ note: all, list: [4111111111111111, 12], "jo@example.org": 1 }).replace("jo@", "\\u006ao\\u0040")),
      responseHeaders: ["content-type", "text/plain"],
      responseBody: body(all),
    }),
    { redact },
  );
  assert.deepEqual(data.request.body, { note: clean, list: ["[redacted]", 12], "[redacted]": 1 });
  assert.equal(data.response.body, clean);
  assert.deepEqual(
    [data.request.path, data.request.query, data.request.headers["x-note"]],
    ["/users/[redacted]", "q=[redacted]&n=5", [clean]],
  );
  assert.ok(!JSON.stringify(data.redacted).includes("jo@"));
  assert.ok(data.redacted.some((entry) => entry.pattern === "jwt" && entry.hash !== undefined));
});

test("cut text with patterns loses its last word, which may be the begin of a match", () => {
  const event = transactionEvent({ responseHeaders: ["content-type", "text/plain"], responseBody: body("pay with 4111 1111 11", 8) });
  assert.equal(dataOf(event, { redact: [{ kind: "pattern", name: "card-number" }] }).response.body, "pay with");
});

test("payloads of outbound messages are plaintext and do not leave", () => {
  const event = agentEvent({ topic: "acapy::outbound-message::queued_for_delivery", payload: body(JSON.stringify({ payload: SECRET })) });
  assert.ok(!makeMessage(event).value.includes(SECRET));
  assert.equal(dataOf(event).payloadWithheld, "plaintext");
});

test("the list of removals is bounded and counts the rest", () => {
  const data = dataOf(request(JSON.stringify(Array.from({ length: 100 }, () => ({ password: 1 })))));
  assert.deepEqual([data.redacted.length, data.redactedMore], [32, 68]);
});

const SECRET_NAMES = ["password", "newPassword", "client_secret", "access_token", "wallet.key", "api-key", "Pwd"];
/** Writes a name with some of its characters as escapes. */
const spelled = fc
  .tuple(fc.constantFrom(...SECRET_NAMES), fc.infiniteStream(fc.boolean()))
  .map(([name, escapes]) =>
    [...name].map((sign) => (escapes.next().value === true ? `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}` : sign)).join(""),
  );
const hidden = fc.oneof(fc.constant(`"${SECRET}"`), fc.constant(`["x",{"y":"${SECRET}"}]`), fc.constant(`{"a":{"b":["${SECRET}"]}}`));
const { tree } = fc.letrec<{ tree: string; leaf: string; object: string; array: string }>((tie) => ({
  tree: fc.oneof({ maxDepth: 6, withCrossShrink: true }, tie("leaf"), tie("object"), tie("array")),
  leaf: fc.oneof(fc.json({ maxDepth: 0 }), fc.constantFrom("1e400", "-0.10", "9007199254740993", '"\\ud800"')),
  object: fc
    .array(
      fc.oneof(
        fc.tuple(
          fc.string().map((name) => JSON.stringify(name)),
          tie("tree"),
        ),
        fc.tuple(
          spelled.map((name) => `"${name}"`),
          hidden,
        ),
      ),
      { maxLength: 4 },
    )
    .map((members) => `{${members.map(([name, value]) => `${name} : ${value}`).join(",\n")}}`),
  array: fc.array(tie("tree"), { maxLength: 4 }).map((values) => `[${values.join(" , ")}]`),
}));

test("a secret planted under a secret name, at any depth and however spelled, is nowhere in the message", () => {
  const settings = [
    {},
    { redact: [field("request.body", "**", "a"), { kind: "pattern" as const, name: "email" }] },
    { keep: [field("request.body", "**", "b"), field("request.body", "0")] },
    { body: { bytesMax: 100, types: ["json" as const] } },
  ];
  fc.assert(
    fc.property(tree, fc.constantFrom(...settings), (text, setting) => {
      const value = makeMessage(request(text), setting).value;
      assert.ok(!value.includes(SECRET) && !value.toString().includes(SECRET.slice(0, 8)));
    }),
    { numRuns: 500 },
  );
});
