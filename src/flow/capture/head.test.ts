import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";
import { parseRequestHead, parseResponseHead } from "./head.ts";

test("a request head keeps names, case, order and duplicates, and trims blanks around values", () => {
  deepEqual(parseRequestHead("GET /a?b=%20c HTTP/1.1\r\nHost:x\r\nAccept: \t a \t\r\naccept: b\r\nEmpty:\r\nBytes: \xe9\r\n"), {
    method: "GET",
    target: "/a?b=%20c",
    httpVersion: "1.1",
    headers: ["Host", "x", "Accept", "a", "accept", "b", "Empty", "", "Bytes", "\xe9"],
  });
});

test("a request head may have no fields", () => {
  deepEqual(parseRequestHead("OPTIONS * HTTP/1.0").headers, []);
});

test("a status line may lack its reason", () => {
  equal(parseResponseHead("HTTP/1.1 204").status, 204);
  equal(parseResponseHead("HTTP/1.1 204 \r\nA: b").status, 204);
});

for (const head of ["", "GET", "GET /", "GET  HTTP/1.1", " / HTTP/1.1", "GET / SPDY/1", "GET /\r\nA: b HTTP/1.1"]) {
  test(`the request line ${JSON.stringify(head)} is refused`, () => {
    throws(() => parseRequestHead(head), { code: "SST_HANDOVER_INVALID" });
  });
}

for (const head of ["HTTP/1.1", "HTTP/1.1 20", "HTTP/1.1 099 x", "HTTP/1.1 2000", "200 OK"]) {
  test(`the status line ${JSON.stringify(head)} is refused`, () => {
    throws(() => parseResponseHead(head), { code: "SST_HANDOVER_INVALID" });
  });
}

for (const line of ["", "no colon", ": no name", " folded: line", "\ta: b"]) {
  test(`the field line ${JSON.stringify(line)} is refused`, () => {
    throws(() => parseRequestHead(`GET / HTTP/1.1\r\n${line}\r\nA: b`), { code: "SST_HANDOVER_INVALID", message: /field line 1/ });
  });
}
