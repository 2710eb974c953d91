import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { clearTextNotice } from "./login.ts";
import { brokerAddressText, KAFKA_PATHS, kafkaOptions, readBrokerAddress, tlsOf, topicCreationOf } from "./options.ts";

const brokers = ["k1:9092"];

/** What is wrong with the options; an empty list when nothing is. */
function problems(given: Readonly<Record<string, unknown>>): readonly string[] {
  const result = kafkaOptions.safeParse({ brokers, ...given });
  return result.success ? [] : result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
}

test("with brokers alone there is no TLS, no login, no topic making, and zstd", () => {
  deepEqual(kafkaOptions.parse({ brokers }), {
    brokers,
    tls: false,
    compression: "zstd",
    createTopics: false,
    clientId: "sidestream",
    requestTimeout: 20_000,
    metadataAge: 300_000,
  });
});

test("addresses of brokers are read and written alike", () => {
  for (const [text, host, port] of [
    ["k1:9092", "k1", 9092],
    ["10.0.0.1:1", "10.0.0.1", 1],
    ["[::1]:65535", "::1", 65_535],
    ["kafka-0.kafka_headless.svc:9092", "kafka-0.kafka_headless.svc", 9092],
  ] as const) {
    deepEqual(readBrokerAddress(text), { host, port });
    equal(brokerAddressText({ host, port }), text);
  }
  for (const text of ["", "k1", ":9092", "k1:", "k1:0", "k1:65536", "::1:9092", "http://k1:9092", "k1:9092/x", "k 1:9092", "u:p@k1:9092"]) {
    equal(readBrokerAddress(text), undefined, text);
  }
});

test("what can't work is refused with its place", () => {
  deepEqual(problems({ brokers: [] }), ["brokers: expected at least one broker"]);
  deepEqual(problems({ brokers: ["k1:9092", "k2"] }), ["brokers.1: expected the address of a broker, such as kafka1:9092 or [::1]:9092"]);
  const either = "expected true, false, or keys with values such as";
  deepEqual(problems({ createTopics: "yes" }), [`createTopics: ${either} { partitions: 6 }`]);
  deepEqual(problems({ tls: "yes" }), [`tls: ${either} { ca: /etc/kafka/ca.pem }`]);
  for (const given of [
    { brokers: new Array(101).fill("k1:9092") },
    { unknown: 1 },
    { tls: { cert: "a.pem" } },
    { tls: { key: "a.key" } },
    { tls: { ca: "" } },
    { login: { mechanism: "plain", user: "u" } },
    { login: { mechanism: "plain", user: "u", password: "" } },
    { login: { mechanism: "gssapi" } },
    { login: { mechanism: "oauthbearer" } },
    { login: { mechanism: "oauthbearer", tokenFile: "t", tokenUrl: "https://a/t", clientId: "c", clientSecret: "s" } },
    { login: { mechanism: "oauthbearer", tokenFile: "t", scope: "s" } },
    { login: { mechanism: "oauthbearer", tokenUrl: "https://a/t", clientId: "c" } },
    { login: { mechanism: "oauthbearer", tokenUrl: "http://a/t", clientId: "c", clientSecret: "s" } },
    { login: { mechanism: "oauthbearer", tokenUrl: "https://u:p@a/t", clientId: "c", clientSecret: "s" } },
    { compression: "brotli" },
    { createTopics: { partitions: 0 } },
    { createTopics: { settings: { "Not A Setting": "1" } } },
    { requestTimeout: "10ms" },
    { requestTimeout: 20 },
    { metadataAge: "10ms" },
  ]) {
    ok(problems(given).length > 0, JSON.stringify(given));
  }
});

test("what can work is taken", () => {
  for (const given of [
    { tls: true },
    { tls: { ca: "ca.pem", cert: "c.pem", key: "c.key", serverName: "kafka" } },
    { login: { mechanism: "scram-sha-512", user: "u", password: "p" } },
    { login: { mechanism: "oauthbearer", tokenFile: "token" } },
    { login: { mechanism: "oauthbearer", tokenUrl: "https://a/t", clientId: "c", clientSecret: "s", scope: "x y" } },
    { login: { mechanism: "oauthbearer", tokenUrl: "http://[::1]:8080/t", clientId: "c", clientSecret: "s" } },
    { createTopics: true },
    { createTopics: { partitions: 6, replicationFactor: 3, settings: { "retention.ms": 1000, "cleanup.policy": "compact" } } },
    { compression: "none", clientId: "edge", requestTimeout: "5s", metadataAge: "30s" },
  ]) {
    deepEqual(problems(given), [], JSON.stringify(given));
  }
});

test("short forms stand for their objects", () => {
  deepEqual([tlsOf({ tls: false }), tlsOf({ tls: true }), tlsOf({ tls: { ca: "a" } })], [undefined, {}, { ca: "a" }]);
  const made = [false, true, { partitions: 2 }].map((createTopics) => topicCreationOf({ createTopics }));
  deepEqual(made, [undefined, {}, { partitions: 2 }]);
});

test("the options that are paths are there under their names", () => {
  const given = { brokers, tls: { ca: "1", cert: "2", key: "3" }, login: { mechanism: "oauthbearer", tokenFile: "4" } };
  const options = kafkaOptions.parse(given);
  const values = KAFKA_PATHS.map((name) =>
    name.split(".").reduce<unknown>((value, part) => (value as Record<string, unknown>)[part], options),
  );
  deepEqual(values, ["1", "2", "3", "4"]);
});

test("a password or token in the clear is noticed, but not one on its way to this machine", () => {
  const plain = { mechanism: "plain", user: "u", password: "secret-word" };
  const notice = (given: Readonly<Record<string, unknown>>) => clearTextNotice(kafkaOptions.parse({ brokers, ...given }));
  equal(notice({ login: plain })?.includes("the password goes to k1:9092 unencrypted"), true);
  equal(notice({ login: plain })?.includes("secret-word"), false);
  equal(notice({ login: { mechanism: "oauthbearer", tokenFile: "t" } })?.includes("the token"), true);
  equal(notice({ login: plain, tls: true }), null);
  equal(notice({ login: { ...plain, mechanism: "scram-sha-256" } }), null);
  equal(notice({ login: plain, brokers: ["127.0.0.1:9092", "[::1]:9092", "localhost:9092"] }), null);
  equal(notice({ login: plain, brokers: ["127.0.0.1:9092", "k2:9092"] })?.includes("k2:9092"), true);
  equal(notice({}), null);
});
