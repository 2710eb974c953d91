import { equal, match, rejects } from "node:assert/strict";
import { copyFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { kafkaForTests, type TestKafka } from "../../../tools/kafka/for-tests.ts";
import type { ListenerKind } from "../../../tools/kafka/properties.ts";
import { isSidestreamError, type ErrorCode } from "../../errors.ts";
import { openCluster } from "./testing/open-cluster.ts";

let kafka: TestKafka;

before(async () => {
  kafka = await kafkaForTests();
});
after(async () => await kafka[Symbol.asyncDispose]());

type Given = Readonly<Record<string, unknown>>;

const at = (kind: ListenerKind) => kafka.cluster.listeners(kind);

/** A test that is skipped where there is no Kafka. */
function kafkaTest(name: string, body: (t: TestContext) => Promise<void>): void {
  test(name, async (t) => {
    if (kafka.skip !== false) t.skip(kafka.skip);
    else await body(t);
  });
}

async function works(t: TestContext, given: Given): Promise<void> {
  const { cluster } = await openCluster(t, given);
  match(cluster.clusterId, /^.{22}$/);
  // A second connection logs in again, and is the one that messages take.
  const nodeId = [...cluster.connections.nodes.keys()][0] ?? -1;
  equal((await cluster.connections.node(nodeId, t.signal)).nodeId, nodeId);
  await cluster.close();
}

async function fails(t: TestContext, given: Given, code: ErrorCode, text: RegExp): Promise<void> {
  await rejects(openCluster(t, given), (error: unknown) => {
    if (!isSidestreamError(error)) throw error;
    equal(error.code, code);
    match(error.message, text);
    match(error.message, /127\.0\.0\.1/);
    equal(error.message.includes("\n"), false);
    equal(error.message.includes(kafka.cluster.credentials.password), false);
    return true;
  });
}

const login = (mechanism: string, password = kafka.cluster.credentials.password) => ({
  mechanism,
  user: kafka.cluster.credentials.user,
  password,
});

kafkaTest("without TLS and login a cluster opens", async (t) => await works(t, { brokers: at("PLAINTEXT") }));

kafkaTest("with TLS and the CA that signed the broker a cluster opens", async (t) => {
  await works(t, { brokers: at("SSL"), tls: { ca: kafka.cluster.tls.ca } });
});

kafkaTest("a certificate of a CA that isn't trusted is told with its names", async (t) => {
  const text = /its certificate \(for broker, signed by ca\) is not signed by/;
  await fails(t, { brokers: at("SSL"), tls: { ca: kafka.cluster.tls.otherCa } }, "SST_DESTINATION_TLS", text);
  await fails(t, { brokers: at("SSL"), tls: true }, "SST_DESTINATION_TLS", text);
});

kafkaTest("an expired certificate is told with its dates", async (t) => {
  const given = { brokers: at("SSL_EXPIRED"), tls: { ca: kafka.cluster.tls.ca } };
  await fails(t, given, "SST_DESTINATION_TLS", /has expired.*Feb {1,2}1 00:00:00 2020 GMT/);
});

kafkaTest("a certificate for another name is told with its names", async (t) => {
  const tls = { ca: kafka.cluster.tls.ca, serverName: "kafka.example" };
  await fails(t, { brokers: at("SSL"), tls }, "SST_DESTINATION_TLS", /for DNS:localhost, IP Address:127\.0\.0\.1, not for kafka\.example/);
  await works(t, { brokers: at("SSL"), tls: { ...tls, serverName: "localhost" } });
});

kafkaTest("a broker that asks for a certificate takes ours, and refuses none, a foreign and an expired one", async (t) => {
  const { ca, client, clientExpired, otherClient } = kafka.cluster.tls;
  const brokers = at("SSL_REQUIRED");
  const shown = ({ certificate, key }: { certificate: string; key: string }) => ({ brokers, tls: { ca, cert: certificate, key } });
  await works(t, shown(client));
  await fails(t, { brokers, tls: { ca } }, "SST_DESTINATION_TLS", /refused this side's certificate: none was shown/);
  await fails(t, shown(otherClient), "SST_DESTINATION_TLS", /refused this side's certificate: .*other-client\.pem/);
  await fails(t, shown(clientExpired), "SST_DESTINATION_TLS", /refused this side's certificate: .*valid from .* to Feb/);
});

kafkaTest("certificate files are read for each new connection", async (t) => {
  const { ca, otherCa } = kafka.cluster.tls;
  const path = join(kafka.cluster.folder, "renewed-ca.pem");
  await copyFile(ca, path);
  const { cluster } = await openCluster(t, { brokers: at("SSL"), tls: { ca: path } });
  const cut = async () => {
    const { connection } = await cluster.any(t.signal);
    connection.socket.destroy();
    await once(connection.socket, "close");
  };
  await copyFile(otherCa, path);
  await cut();
  await rejects(cluster.any(t.signal), { code: "SST_DESTINATION_TLS" });
  await copyFile(ca, path);
  await cut();
});

kafkaTest("TLS to a port without it, and none to a port with it, are told", async (t) => {
  await fails(t, { brokers: at("PLAINTEXT"), tls: { ca: kafka.cluster.tls.ca } }, "SST_DESTINATION_TLS", /does not speak TLS/);
  await fails(t, { brokers: at("SSL") }, "SST_DESTINATION_TLS", /speaks TLS/);
  await fails(t, { brokers: at("SASL_SSL"), login: login("plain") }, "SST_DESTINATION_TLS", /speaks TLS/);
});

for (const mechanism of ["plain", "scram-sha-256", "scram-sha-512"]) {
  kafkaTest(`${mechanism} logs in with the right password, over TLS and without`, async (t) => {
    await works(t, { brokers: at("SASL_PLAINTEXT"), login: login(mechanism) });
    await works(t, { brokers: at("SASL_SSL"), tls: { ca: kafka.cluster.tls.ca }, login: login(mechanism) });
  });

  kafkaTest(`${mechanism} with a wrong password or user is a refused login`, async (t) => {
    const wrong = login(mechanism, "wrong-secret");
    await fails(t, { brokers: at("SASL_PLAINTEXT"), login: wrong }, "SST_DESTINATION_LOGIN", /refused the login/);
    const nobody = { ...login(mechanism), user: "nobody,=,really" };
    await fails(t, { brokers: at("SASL_PLAINTEXT"), login: nobody }, "SST_DESTINATION_LOGIN", /refused the login/);
  });
}

kafkaTest("a login where none is wanted, and none where one is, are told", async (t) => {
  await fails(t, { brokers: at("PLAINTEXT"), login: login("plain") }, "SST_DESTINATION_LOGIN", /does not take a login/);
  await fails(t, { brokers: at("SASL_PLAINTEXT") }, "SST_DESTINATION_LOGIN", /`login` is not set/);
});

/** A token that is not signed: test brokers take it. */
function unsignedToken(lifeSeconds: number): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  return `${part({ alg: "none" })}.${part({ sub: "sidestream", iat: now - 1, exp: now + lifeSeconds })}.`;
}

kafkaTest("oauthbearer takes its token from a file, anew for each login", async (t) => {
  const tokenFile = join(kafka.cluster.folder, "token");
  const given = { brokers: at("SASL_PLAINTEXT"), login: { mechanism: "oauthbearer", tokenFile } };
  await writeFile(tokenFile, `${unsignedToken(300)}\n`);
  const { cluster } = await openCluster(t, given);
  await writeFile(tokenFile, unsignedToken(-60));
  await fails(t, given, "SST_DESTINATION_LOGIN", /refused the token/);
  await writeFile(tokenFile, unsignedToken(300));
  await works(t, given);
  await cluster.close();
});

kafkaTest("oauthbearer takes its token from a token endpoint, once for several logins", async (t) => {
  let asked = 0;
  const server = createServer((_request, response) => {
    asked++;
    response.end(JSON.stringify({ access_token: unsignedToken(300), expires_in: 300 }));
  }).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const address = server.address();
  const tokenUrl = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}/token`;
  const oauth = { mechanism: "oauthbearer", tokenUrl, clientId: "a", clientSecret: "b" };
  await works(t, { brokers: at("SASL_SSL"), tls: { ca: kafka.cluster.tls.ca }, login: oauth });
  equal(asked, 1);
});
