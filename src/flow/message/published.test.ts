import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { transactionData, agentData, dataJsonSchema } from "./data-schema.ts";
import { BODY_MARKS, SECRET_TEXTS } from "./testing/documented.ts";
import { agentEvent, body, field, JSON_TYPE, makeMessage, makeMessages, readBack, transactionEvent } from "./testing/messages.ts";

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

test("schemas/data.schema.json is what `node schemas/write-data-schema.ts` writes", () => {
  assert.deepEqual(JSON.parse(read("schemas/data.schema.json")), JSON.parse(JSON.stringify(dataJsonSchema())));
});

/** The JSON blocks of a page, in order. */
function examples(page: string): readonly unknown[] {
  return [...read(page).matchAll(/```json\n(.*?)```/gs)].map(([, block = ""]) => JSON.parse(block) as unknown);
}

test("the examples of docs/messages.md are messages as they are made", () => {
  const redact = [field("request.body", "personal", "email")];
  const [transaction, binary] = makeMessages(
    transactionEvent(
      {
        method: "PUT",
        target: "/users/7?token=abc",
        requestHeaders: [
          ...JSON_TYPE,
          "X-Okapi-Tenant",
          "diku",
          "X-Okapi-Token",
          "eyJhbGciOi",
          "traceparent",
          "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ],
        requestBody: body('{"id":"7","username":"jdoe","personal":{"email":"jdoe@mail.example.org"},"password":"secret"}'),
        status: 204,
        responseHeaders: ["Content-Length", "0"],
      },
      {
        moduleName: "mod-users",
        moduleId: "mod-users-19.6.0",
        moduleVersion: "19.6.0",
        interface: "users",
        interfaceVersion: "16.4",
        route: "/users/{id}",
        entityId: "7",
      },
    ),
    [{ redact }, { redact, format: "cloudevents-binary" }],
  );
  assert.ok(transaction !== undefined && binary !== undefined);
  const agent = makeMessage(agentEvent({ payload: body('{"state":"active","connection_id":"54527a37","their_label":"Bob"}') }));
  const [first, second, headers] = examples("docs/messages.md");
  assert.deepEqual(headers, Object.fromEntries(binary.headers), JSON.stringify(binary.headers));
  for (const [message, example] of [
    [transaction, first],
    [agent, second],
  ] as const) {
    readBack(message);
    assert.deepEqual(example, JSON.parse(message.value.toString()), message.value.toString());
  }
});

test("docs/messages.md names every attribute", () => {
  const [example] = examples("docs/messages.md");
  assert.ok(typeof example === "object" && example !== null);
  const page = read("docs/messages.md");
  for (const name of Object.keys(example)) {
    if (name !== "specversion" && name !== "data") assert.ok(page.includes(`\n| \`${name}\` |`), name);
  }
});

test("docs/messages.md names every member of the data", () => {
  const page = read("docs/messages.md");
  const members = [
    transactionData.shape,
    transactionData.shape.request.shape,
    transactionData.shape.response.shape,
    agentData.shape,
  ].flatMap((shape) => Object.keys(shape));
  for (const member of members) {
    const name = member.replace(/^payload(?=[A-Z])/, "body").replace(/^payload$/, "payload");
    assert.ok(page.includes(`\`${name}\``), name);
  }
  for (const mark of BODY_MARKS) assert.ok(page.includes(`\`${mark}\``), mark);
});

test("docs/redaction.md names everything that is removed by default", () => {
  const page = read("docs/redaction.md");
  for (const text of SECRET_TEXTS) assert.ok(page.includes(`\`${text}\``), text);
});
