import assert from "node:assert/strict";
import { test } from "node:test";
import { addressUrl, isLoopback, readListenAddress } from "./listen-address.ts";

test("an address to listen on is read with and without host, IPv6 in brackets", () => {
  assert.deepEqual(readListenAddress(":9130"), { host: null, port: 9130 });
  assert.deepEqual(readListenAddress("127.0.0.1:0"), { host: "127.0.0.1", port: 0 });
  assert.deepEqual(readListenAddress("[::1]:9130"), { host: "::1", port: 9130 });
  assert.deepEqual(readListenAddress("okapi.example.org:80"), { host: "okapi.example.org", port: 80 });
});

test("what is no such address is undefined", () => {
  for (const text of ["", "9130", ":", ":65536", "::1:9130", "http://a:1", "a b:1", ":1x", "[::1]"])
    assert.equal(readListenAddress(text), undefined, text);
});

test("only this machine's addresses are loopback", () => {
  const is = (text: string): boolean => isLoopback(readListenAddress(text) ?? { host: null, port: 0 });
  assert.deepEqual(["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "LOCALHOST:1"].map(is), [true, true, true, true]);
  assert.deepEqual([":1", "0.0.0.0:1", "[::]:1", "10.0.0.1:1", "127.0.0.1.example.org:1"].map(is), [false, false, false, false, false]);
});

test("the address of a server is told as a URL", () => {
  assert.equal(addressUrl("127.0.0.1", 80), "http://127.0.0.1:80");
  assert.equal(addressUrl("::", 80), "http://[::]:80");
});
