import { Writer } from "@platformatic/kafka";
import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { test } from "node:test";
import { ask, type KafkaTopic } from "./cluster.ts";
import { API_VERSIONS, apiVersions, fakeBroker, METADATA, metadata, SASL_AUTHENTICATE, SASL_HANDSHAKE } from "./testing/fake-broker.ts";
import { openCluster, optionsWith } from "./testing/open-cluster.ts";
import { Cluster } from "./cluster.ts";

const ID = "00000000-0000-0000-0000-000000000001";
const OTHER_ID = "00000000-0000-0000-0000-000000000002";
const PRODUCE = 0;
const DESCRIBE_PRODUCERS = 61;

/** A fake cluster of one broker, node 1, and what it tells of itself. */
function telling(nodes: () => readonly (readonly [number, number])[], leaders: readonly number[]) {
  const state = { clusterId: "one", topics: [{ name: "orders", id: ID, leaders }] };
  return { state, answer: metadata(() => ({ ...state, nodes: nodes() })) };
}

test("a broker that lacks a request is too old, and is told which", async (t) => {
  const broker = await fakeBroker(t, { [API_VERSIONS]: apiVersions([DESCRIBE_PRODUCERS]) });
  await rejects(openCluster(t, { brokers: [broker.address] }), {
    code: "SST_DESTINATION_UNSUPPORTED",
    message: new RegExp(`${broker.address}: DescribeProducers version .*Kafka 3\\.0.*does not have it`),
  });
});

test("a broker that accepts and says nothing is unreachable within the bound", async (t) => {
  const broker = await fakeBroker(t, {});
  await rejects(openCluster(t, { brokers: [broker.address], requestTimeout: "1s" }), {
    code: "SST_DESTINATION_UNREACHABLE",
    message: `broker ${broker.address}: no answer in time`,
  });
});

test("a broker that is not Kafka is told as it is found", async (t) => {
  const broker = await fakeBroker(t, { [API_VERSIONS]: () => "cut" });
  await rejects(openCluster(t, { brokers: [broker.address] }), { code: "SST_DESTINATION_UNREACHABLE" });
});

test("an opening that is given up leaves nothing open", async (t) => {
  const asked = Promise.withResolvers<void>();
  const broker = await fakeBroker(t, {
    [API_VERSIONS]: () => {
      asked.resolve();
      return null;
    },
  });
  const giveUp = new AbortController();
  const opening = Cluster.open(optionsWith({ brokers: [broker.address] }), { name: "kafka1", signal: giveUp.signal, notice: () => {} });
  await asked.promise;
  giveUp.abort();
  await rejects(opening, { code: "SST_DESTINATION_UNREACHABLE" });
});

test("a request without an answer ends its connection, and the next one is made on another", async (t) => {
  const seen = telling(() => [[1, broker.port]], [1]);
  const broker = await fakeBroker(t, { [API_VERSIONS]: apiVersions(), [METADATA]: seen.answer });
  const { cluster } = await openCluster(t, { brokers: [broker.address], requestTimeout: "1s" });
  const first = await cluster.leader("orders", 0, t.signal);
  const unanswered = () =>
    new Promise<void>((resolve, reject) => {
      first.connection.send(
        PRODUCE,
        9,
        () => Writer.create(),
        () => {},
        true,
        true,
        (error) => (error === null ? resolve() : reject(error)),
      );
    });
  await rejects(ask(first, "writing to orders/0", t.signal, unanswered, "write"), {
    code: "SST_DESTINATION_UNSURE",
    message: `broker ${broker.address}: writing to orders/0: no answer in time`,
  });
  const second = await cluster.leader("orders", 0, t.signal);
  equal(second === first, false);
  equal(second.connection.isConnected(), true);
});

test("a partition without a leader, and one whose leader can't be reached, are unavailable while others are not", async (t) => {
  const dead = await fakeBroker(t, { [API_VERSIONS]: () => "cut" });
  const seen = telling(
    () => [
      [1, broker.port],
      [2, dead.port],
    ],
    [1, -1, 2, 3],
  );
  const broker = await fakeBroker(t, { [API_VERSIONS]: apiVersions(), [METADATA]: seen.answer });
  const { cluster } = await openCluster(t, { brokers: [broker.address] });
  equal((await cluster.leader("orders", 0, t.signal)).nodeId, 1);
  for (const [partition, text] of [
    [1, /no broker leads it/],
    [2, new RegExp(dead.address)],
    [3, /broker 3 is not part/],
  ] as const) {
    await rejects(cluster.leader("orders", partition, t.signal), { code: "SST_LANE_UNAVAILABLE", message: text });
  }
  equal((await cluster.leader("orders", 0, t.signal)).nodeId, 1);
});

test("another cluster under the same address is told for each topic", async (t) => {
  const seen = telling(() => [[1, broker.port]], [1]);
  const broker = await fakeBroker(t, { [API_VERSIONS]: apiVersions(), [METADATA]: seen.answer });
  const { cluster } = await openCluster(t, { brokers: [broker.address] });
  const before = await cluster.topic("orders", t.signal);
  const changes: (readonly [string, KafkaTopic])[] = [];
  cluster.onChange = (topic) => void changes.push([cluster.clusterId, topic]);
  seen.state.clusterId = "two";
  seen.state.topics = [{ name: "orders", id: OTHER_ID, leaders: [1] }];
  cluster.forget("orders");
  equal(cluster.known("orders"), undefined);
  const after = await cluster.topic("orders", t.signal);
  deepEqual(changes, [
    ["two", before],
    ["two", after],
  ]);
  equal(after.id, OTHER_ID);
});

test("settings that can't be read are told once and stood in for", async (t) => {
  const seen = telling(() => [[1, broker.port]], [1]);
  const broker = await fakeBroker(t, { [API_VERSIONS]: apiVersions(), [METADATA]: seen.answer });
  const { cluster, notices } = await openCluster(t, { brokers: [broker.address] });
  equal((await cluster.topic("orders", t.signal)).batchBytesMax, 1024 * 1024);
  cluster.forget("orders");
  await cluster.topic("orders", t.signal);
  equal(notices.filter((text) => text.includes("can't be read")).length, 1);
});

test("a look in the background that fails is tried again, and told by the lanes that need the broker alone", async (t) => {
  const seen = telling(() => [[1, broker.port]], [1]);
  let isCut = false;
  let tries = 0;
  const again = Promise.withResolvers<void>();
  const cut = (): "cut" => {
    tries += 1;
    if (tries > 2) again.resolve();
    return "cut";
  };
  const broker = await fakeBroker(t, {
    [API_VERSIONS]: (version) => (isCut ? cut() : apiVersions()(version)),
    [METADATA]: (version) => (isCut ? cut() : seen.answer(version)),
  });
  const notices: string[] = [];
  const notice = (text: string): void => void notices.push(text);
  const cluster = await Cluster.open(optionsWith({ brokers: [broker.address] }), { name: "kafka1", signal: t.signal, notice }, 10);
  t.after(async () => await cluster.close());
  await cluster.topic("orders", t.signal);
  const before = notices.length;
  isCut = true;
  await again.promise;
  equal(notices.length, before);
});

const handshake = (error: number, mechanisms: readonly string[]) => () =>
  Writer.create()
    .appendInt16(error)
    .appendArray([...mechanisms], (w, name) => w.appendString(name, false), false, false);

test("a mechanism that the broker doesn't offer is told with those it does", async (t) => {
  const broker = await fakeBroker(t, { [API_VERSIONS]: apiVersions(), [SASL_HANDSHAKE]: handshake(33, ["GSSAPI", "SCRAM-SHA-512"]) });
  const login = { mechanism: "plain", user: "u", password: "secret" };
  await rejects(openCluster(t, { brokers: [broker.address], login }), {
    code: "SST_DESTINATION_LOGIN",
    message: `broker ${broker.address}: the broker does not offer PLAIN, but gssapi, scram-sha-512`,
  });
});

for (const said of ["", "e=unknown-user", "r=other,s=AAAA,i=4096", "r=,s=,i=", "nonsense", "r=x,s=c2FsdA==,i=1"]) {
  test(`a broker that answers a SCRAM login with ${JSON.stringify(said)} has the login fail, and no more`, async (t) => {
    const broker = await fakeBroker(t, {
      [API_VERSIONS]: apiVersions(),
      [SASL_HANDSHAKE]: handshake(0, ["SCRAM-SHA-256"]),
      [SASL_AUTHENTICATE]: () =>
        Writer.create().appendInt16(0).appendString(null).appendBytes(Buffer.from(said)).appendInt64(0n).appendTaggedFields(),
    });
    const login = { mechanism: "scram-sha-256", user: "u", password: "secret-word" };
    await rejects(openCluster(t, { brokers: [broker.address], login }), (error: Error & { code?: string }) => {
      equal(error.code, "SST_DESTINATION_LOGIN", error.message);
      match(error.message, new RegExp(broker.address));
      equal(error.message.includes("secret-word"), false);
      return true;
    });
  });
}
