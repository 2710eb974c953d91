import {
  AuthenticationError,
  NetworkError,
  protocolErrors,
  ResponseError,
  TimeoutError,
  UnsupportedCompressionError,
} from "@platformatic/kafka";
import { equal, match, notEqual, ok } from "node:assert/strict";
import { test } from "node:test";
import { SidestreamError, type ErrorCode } from "../../errors.ts";
import { brokerCode } from "./broker-codes.ts";
import { brokerError, destinationError, type Stage } from "./kafka-error.ts";

const WHERE = "broker k1:9092: writing to orders/3";

/** A system error as Node makes it. */
const system = (code: string) => Object.assign(new Error(`connect ${code}`), { code });

const CODES: readonly (readonly [name: keyof typeof protocolErrors, error: ErrorCode])[] = [
  ["UNKNOWN_TOPIC_OR_PARTITION", "SST_TOPIC_MISSING"],
  ["INVALID_TOPIC_EXCEPTION", "SST_TOPIC_INVALID"],
  ["TOPIC_AUTHORIZATION_FAILED", "SST_DESTINATION_FORBIDDEN"],
  ["CLUSTER_AUTHORIZATION_FAILED", "SST_DESTINATION_FORBIDDEN"],
  ["GROUP_AUTHORIZATION_FAILED", "SST_DESTINATION_FORBIDDEN"],
  ["SASL_AUTHENTICATION_FAILED", "SST_DESTINATION_LOGIN"],
  ["UNSUPPORTED_SASL_MECHANISM", "SST_DESTINATION_LOGIN"],
  ["LEADER_NOT_AVAILABLE", "SST_LANE_UNAVAILABLE"],
  ["NOT_LEADER_OR_FOLLOWER", "SST_LANE_UNAVAILABLE"],
  ["NOT_ENOUGH_REPLICAS", "SST_LANE_UNAVAILABLE"],
  ["NOT_ENOUGH_REPLICAS_AFTER_APPEND", "SST_LANE_UNAVAILABLE"],
  ["COORDINATOR_LOAD_IN_PROGRESS", "SST_LANE_UNAVAILABLE"],
  ["UNSUPPORTED_COMPRESSION_TYPE", "SST_LANE_UNAVAILABLE"],
  ["INVALID_TIMESTAMP", "SST_LANE_UNAVAILABLE"],
  ["MESSAGE_TOO_LARGE", "SST_BATCH_REFUSED"],
  ["RECORD_LIST_TOO_LARGE", "SST_BATCH_REFUSED"],
  ["INVALID_RECORD", "SST_BATCH_REFUSED"],
  ["OUT_OF_ORDER_SEQUENCE_NUMBER", "SST_NUMBERS_REFUSED"],
  ["DUPLICATE_SEQUENCE_NUMBER", "SST_NUMBERS_REFUSED"],
  ["UNKNOWN_PRODUCER_ID", "SST_NUMBERS_REFUSED"],
  ["INVALID_PRODUCER_EPOCH", "SST_NUMBERS_REFUSED"],
  ["INVALID_PRODUCER_ID_MAPPING", "SST_NUMBERS_REFUSED"],
  ["THROTTLING_QUOTA_EXCEEDED", "SST_DESTINATION_BUSY"],
  ["REQUEST_TIMED_OUT", "SST_DESTINATION_UNSURE"],
  ["CORRUPT_MESSAGE", "SST_DESTINATION_UNSURE"],
  ["UNKNOWN_SERVER_ERROR", "SST_DESTINATION_UNSURE"],
];

for (const [name, code] of CODES) {
  test(`${name} is ${code}, from its number and from the client's error`, () => {
    const number = protocolErrors[name]?.code ?? 0;
    const direct = brokerError(number, WHERE);
    equal(direct.code, code);
    match(direct.message, new RegExp(`^${WHERE}: .*\\(${name}\\)$`));
    const cause = new ResponseError(0, 9, { "/responses/0/partitions/0": [number, "the broker's\nwords"] }, {});
    const wrapped = destinationError(new AggregateError([new Error("first"), cause]), WHERE);
    equal(wrapped.code, code);
    match(wrapped.message, /"the broker's words"/);
  });
}

test("the names in the table are Kafka's", () => {
  for (const { id, code } of Object.values(protocolErrors)) {
    const { name } = brokerCode(code);
    ok(name === id || name === `error ${code}`, `${code}: ${name} is ${id}`);
  }
});

test("no code but a bad topic name ends a message by itself", () => {
  for (const { id, code } of Object.values(protocolErrors)) {
    if (id !== "INVALID_TOPIC_EXCEPTION") notEqual(brokerError(code, WHERE).retry, "never", id);
  }
  notEqual(brokerError(30_000, WHERE).retry, "never");
});

const STAGES: readonly (readonly [Stage, ErrorCode])[] = [
  ["connect", "SST_DESTINATION_UNREACHABLE"],
  ["ask", "SST_DESTINATION_UNREACHABLE"],
  ["write", "SST_DESTINATION_UNSURE"],
];

for (const [stage, code] of STAGES) {
  test(`a connection lost while the stage is "${stage}" is ${code}`, () => {
    for (const cause of [
      new NetworkError("Connection closed"),
      new NetworkError("Connection failed", { cause: system("ECONNRESET") }),
      new NetworkError("Connection failed", { cause: new AggregateError([system("ECONNREFUSED")]) }),
      new TimeoutError("Request timed out", { canRetry: true }),
      new DOMException("gone", "AbortError"),
      system("EAI_AGAIN"),
      new RangeError("out of bounds"),
      "a text",
      undefined,
    ]) {
      const error = destinationError(cause, WHERE, stage);
      equal(error.code, code);
      equal(error.cause, cause);
      match(error.message, new RegExp(`^${WHERE}: .+`));
    }
  });
}

test("a login that failed is told from one that a lost connection cut short", () => {
  const refused = new NetworkError("Connection to k1:9092 failed.", { cause: new AuthenticationError("no") });
  equal(destinationError(refused, WHERE, "connect").code, "SST_DESTINATION_LOGIN");
  const cut = new NetworkError("Connection to k1:9092 failed.", {
    cause: new AuthenticationError("SASL authentication failed.", { cause: new NetworkError("Connection closed") }),
  });
  equal(destinationError(cut, WHERE, "connect").code, "SST_DESTINATION_UNREACHABLE");
});

test("one of our own errors is given back, however deep it is", () => {
  const own = new SidestreamError("SST_DESTINATION_BUSY", "wait");
  equal(destinationError(own, WHERE), own);
  equal(destinationError(new NetworkError("failed", { cause: new AuthenticationError("x", { cause: own }) }), WHERE), own);
});

test("a compression that Node lacks waits", () => {
  equal(destinationError(new UnsupportedCompressionError("zstd"), WHERE).code, "SST_LANE_UNAVAILABLE");
});

test("a text is one line of bounded length, whatever a broker says", () => {
  const { message } = brokerError(87, WHERE, { said: "x\r\n\u0000\u2028".repeat(1000) });
  ok(message.length < 500);
  // oxlint-disable-next-line no-control-regex -- that none is there is the point.
  ok(!/[\u0000-\u001f\u2028]/.test(message));
});

test("an error that holds itself is sorted too", () => {
  const loop = new NetworkError("around");
  Object.defineProperty(loop, "cause", { value: loop });
  equal(destinationError(loop, WHERE).code, "SST_DESTINATION_UNSURE");
});
