/** Logins, certificates and rights that are wrong, and then are not, as docs/destinations/kafka.md tells it. */
import { deepEqual, equal, match } from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { kafkaForTests } from "../../tools/kafka/for-tests.ts";
import { javaArguments } from "../../tools/kafka/jars.ts";
import { AUTHORIZER, CREDENTIALS } from "../../tools/kafka/properties.ts";
import { allow, createTopic, offsets } from "../../tools/kafka/topics.ts";
import { delivered, kafkaWhen, makeKafkaSite, postNumbers, startSite, type KafkaSite } from "./support/kafka-site.ts";
import { command, stop } from "./support/program.ts";

const kafka = await kafkaForTests({ properties: AUTHORIZER });
after(() => kafka[Symbol.asyncDispose]());
const each = { skip: kafka.skip, timeout: 120_000 };
const COUNT = 10;

/** Changes a text of the configuration, as an operator would who mends it. */
function mend({ configuration }: KafkaSite, ...changes: readonly (readonly [wrong: string, right: string])[]): void {
  let text = readFileSync(configuration, "utf8");
  for (const [wrong, right] of changes) text = text.replace(JSON.stringify(wrong), JSON.stringify(right));
  writeFileSync(configuration, text);
}

test("with a wrong password messages wait, and the password is in no text; with the right one they go out", each, async (t) => {
  const { cluster } = kafka;
  await createTopic(cluster, "login");
  const wrong = "not-the-password";
  const site = await makeKafkaSite(t, {
    kafka: {
      brokers: cluster.listeners("SASL_PLAINTEXT"),
      login: { mechanism: "scram-sha-256", user: CREDENTIALS.user, password: wrong },
    },
    topics: { login: "login" },
  });
  const program = await startSite(t, site);
  await postNumbers(program, "login", 0, COUNT);
  const { transmit } = kafkaWhen(site, ({ transmit }) => transmit?.state === "down");
  equal(transmit?.lastError?.code, "SST_DESTINATION_LOGIN");
  await program.logged("kafka1 is down");
  const check = command(["check", "--connect", site.configuration]);
  equal(check.status, 1);
  match(check.stdout, /^kafka1 +kafka +SST_DESTINATION_LOGIN: /m);
  equal(program.errors().includes(wrong) || JSON.stringify(transmit).includes(wrong) || check.stdout.includes(wrong), false);
  await stop(program);
  mend(site, [wrong, CREDENTIALS.password]);
  const again = await startSite(t, site);
  delivered(site, COUNT);
  await stop(again);
});

test(
  "a broker's expired certificate is told with its dates and messages wait; with both sides' certificates right they go out",
  each,
  async (t) => {
    const { cluster } = kafka;
    await createTopic(cluster, "certificates");
    // By its certificate it is another user.
    for (const operation of ["WRITE", "READ"] as const) await allow(cluster, { user: "CN=client", operation, topic: "certificates" });
    const { ca, client, clientExpired } = cluster.tls;
    const expired = cluster.listeners("SSL_EXPIRED");
    const site = await makeKafkaSite(t, {
      kafka: { brokers: expired, tls: { ca, cert: clientExpired.certificate, key: clientExpired.key } },
      topics: { certificates: "certificates" },
    });
    const program = await startSite(t, site);
    await postNumbers(program, "certificates", 0, COUNT);
    const { transmit } = kafkaWhen(site, ({ transmit }) => transmit?.state === "down");
    equal(transmit?.lastError?.code, "SST_DESTINATION_TLS");
    match(transmit?.lastError?.message ?? "", /Feb +1 00:00:00 2020/);
    await stop(program);
    // A broker that asks for a certificate and gets one that ran out.
    mend(site, [String(expired), String(cluster.listeners("SSL_REQUIRED"))]);
    const check = command(["check", "--connect", site.configuration]);
    equal(check.status, 1);
    match(check.stdout, /^kafka1 +kafka +SST_DESTINATION_TLS: /m);
    mend(site, [clientExpired.certificate, client.certificate], [clientExpired.key, client.key]);
    const again = await startSite(t, site);
    delivered(site, COUNT);
    await stop(again);
  },
);

test("a user without rights is told what is lacking, by topic; each topic goes on once it has them", each, async (t) => {
  const { cluster } = kafka;
  await createTopic(cluster, "granted");
  await createTopic(cluster, "never");
  const site = await makeKafkaSite(t, {
    kafka: {
      brokers: cluster.listeners("SASL_PLAINTEXT"),
      login: { mechanism: "scram-sha-512", ...CREDENTIALS.limited },
      createTopics: true,
    },
    topics: { granted: "granted", made: "made", never: "never" },
  });
  const program = await startSite(t, site);
  for (const topic of ["granted", "made", "never"]) await postNumbers(program, topic, 0, COUNT);
  const down = kafkaWhen(site, ({ transmit }) => transmit?.state === "down");
  equal(down.transmit?.lastError?.code, "SST_DESTINATION_FORBIDDEN");

  // As the page has it, but for READ.
  await allow(cluster, { operation: "WRITE", topic: "granted" });
  const { transmit } = kafkaWhen(site, ({ transmit }) => transmit?.blocked.length === 3);
  deepEqual(transmit?.blocked.map(({ lane, code }) => [lane, code]).toSorted(), [
    ["granted/0", "SST_DESTINATION_FORBIDDEN"],
    ["made", "SST_DESTINATION_FORBIDDEN"],
    ["never", "SST_DESTINATION_FORBIDDEN"],
  ]);
  const check = command(["check", "--connect", site.configuration]);
  equal(check.status, 1);
  const lacking = check.stdout.split("\n").filter((line) => /^kafka1 +kafka +SST_DESTINATION_FORBIDDEN: /.test(line));
  deepEqual(
    ["granted", "made", "never"].map((topic) => lacking.filter((line) => line.includes(`topic ${topic}`)).length),
    [1, 1, 1],
    check.stdout,
  );
  await allow(cluster, { operation: "READ", topic: "granted" });
  for (const operation of ["WRITE", "READ", "CREATE"] as const) await allow(cluster, { operation, topic: "made" });
  const mended = kafkaWhen(site, (_, { totals }) => totals.delivered === 2 * COUNT);
  deepEqual(
    mended.transmit?.blocked.map(({ lane, code }) => [lane, code]),
    [["never", "SST_DESTINATION_FORBIDDEN"]],
  );
  for (const topic of ["granted", "made"]) deepEqual(await offsets(cluster, topic), [{ begin: 0, end: COUNT }]);
  // Without DESCRIBE_CONFIGS it works, with a note.
  equal(
    mended.notices.some((notice) => notice.includes("DESCRIBE_CONFIGS")),
    true,
  );
  await stop(program);
});

test("the rights that the page's commands give are enough, without a note of one that is missing", each, async (t) => {
  const { cluster } = kafka;
  const page = readFileSync(join(import.meta.dirname, "../../docs/destinations/kafka.md"), "utf8");
  const commands = [...page.matchAll(/^kafka-acls\.sh (.+)$/gm)].map((match) => match[1] ?? "");
  equal(commands.length, 2);
  for (const text of commands) {
    const words = text
      .replace("k1:9093", cluster.bootstrap.join(","))
      .replace("--command-config admin.properties ", "")
      .replace("User:sidestream", `User:${CREDENTIALS.limited.user}`)
      .split(" ");
    await promisify(execFile)("java", [...javaArguments(cluster.classPath), "org.apache.kafka.tools.AclCommand", ...words]);
  }
  await createTopic(cluster, "prod.there");
  const site = await makeKafkaSite(t, {
    kafka: {
      brokers: cluster.listeners("SASL_PLAINTEXT"),
      login: { mechanism: "plain", ...CREDENTIALS.limited },
      createTopics: true,
    },
    topics: { there: "prod.there", made: "prod.made" },
  });
  const check = command(["check", "--connect", site.configuration]);
  equal(check.status, 0, check.stdout);
  equal(check.stdout.includes("DESCRIBE_CONFIGS"), false, check.stdout);
  const program = await startSite(t, site);
  await postNumbers(program, "there", 0, COUNT);
  await postNumbers(program, "made", 0, COUNT);
  delivered(site, 2 * COUNT);
  await stop(program);
});
