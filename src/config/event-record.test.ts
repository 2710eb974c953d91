import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ContentValues } from "../flow/content/pointers.ts";
import type { IdentifiedEvent } from "../flow/event.ts";
import { attributesOf } from "../flow/match/attributes.ts";
import { evaluate } from "../flow/match/evaluate.ts";
import { RESERVED_WORDS } from "../flow/match/rule.ts";
import { parseCriteria } from "../flow/match/parse.ts";
import { readEventRecord } from "./event-record.ts";
import { Findings } from "./finding.ts";
import { parseYaml } from "./yaml.ts";

function read(yaml: string): { readonly event: IdentifiedEvent | null; readonly problems: readonly string[] } {
  const findings = new Findings();
  const document = parseYaml("e.yaml", yaml, findings);
  const event = document === null ? null : readEventRecord(document, [], findings);
  return { event, problems: findings.errors().map(({ line, column, problem }) => `${line}:${column} ${problem}`) };
}

function holds(yaml: string, criteria: string): boolean | null {
  const { event, problems } = read(yaml);
  deepEqual(problems, []);
  ok(event !== null);
  return evaluate(parseCriteria(criteria).criteria, attributesOf(event, new ContentValues(event, { decodedBytesMax: 1024 * 1024 })));
}

test("words, headers and bodies are what rules see", () => {
  const yaml = `
tenant: diku
METHOD: POST
PATH: /users/7
QUERY: a=1
ROUTE: /users/{id}
STATUS: 201
DURATION: 12
MODULEID: mod-users-19.4.0
INTERFACEVERSION: 16.0
USERID: u
REQUESTID: r
x-a: ["1", 2]
header.status: x
response.x-b: é
request.body: { id: 7, name: x }
response.body: '{"total": 1.0}'
`;
  for (const term of [
    "TENANT=diku AND METHOD=POST AND PATH=/users/7 AND QUERY=a=1".replace("QUERY=a=1", 'QUERY="a=1"'),
    "STATUS=201 AND DURATION=12 AND MODULENAME=mod-users AND MODULEVERSION=19.4.0 AND INTERFACEVERSION=16.0",
    "USERID=u AND REQUESTID=r AND x-a=1 AND x-a=2 AND header.status=x AND response.x-b=é",
    "request.body/id=7 AND response.body/total=1.0 AND content-type=application/json AND EVENTTYPE=transaction",
    "NOT PERMISSION AND NOT x-c AND OUTCOME=complete",
  ])
    equal(holds(yaml, term), true, term);
  equal(read(yaml).event?.identity.entityId, "7");
});

test("an event of which only the tenant is said is a plain transaction", () => {
  equal(holds("tenant: diku", "METHOD=GET AND PATH=/ AND STATUS=200 AND OUTCOME=complete AND SOURCE=test AND NOT QUERY"), true);
});

test("the tenant may be called by each of its names, but by one value", () => {
  for (const name of ["tenant", "TENANT", "x-okapi-tenant"])
    equal(holds(`${name}: diku`, "TENANT=diku AND NOT header.x-okapi-tenant"), true);
  deepEqual(read("tenant: a\nTENANT: b").problems, ["2:9 tenant and TENANT name different tenants"]);
  deepEqual(read("METHOD: GET").problems, ["1:1 missing: tenant"]);
});

test("words of agents, or a payload, make it an agent's event", () => {
  equal(holds("tenant: a\nTOPIC: acapy::record::connections::active", "EVENTTYPE=agent AND CATEGORY=connections"), true);
  equal(holds("tenant: a\nCATEGORY: connections\nSTATE: active", "TOPIC=connections AND STATE=active AND payload/state=active"), true);
  equal(holds("tenant: a\npayload: { state: done }\nWALLET: w", "STATE=done AND WALLET=w"), true);
  equal(holds("tenant: a\nEVENTTYPE: agent", "TOPIC AND NOT METHOD"), true);
});

test("a body may be unknown, null as JSON has it, or known by its size alone", () => {
  equal(holds("tenant: a\nunknown: [request.body]", "request.body/x"), null);
  equal(holds("tenant: a\nunknown: payload", "STATE=x"), null);
  equal(holds("tenant: a\nrequest.body: null", "request.body=null"), true);
  equal(holds("tenant: a\nrequest.body: ", "request.body=null"), true);
  equal(holds("tenant: a\nREQUESTSIZE: 5000", "REQUESTSIZE=5000"), true);
  equal(holds("tenant: a\nresponse.content-type: text/plain\nresponse.body: { a: 1 }", "response.content-type=text/plain"), true);
});

test("a client that was never answered has status 0, which rules see as absent", () => {
  equal(holds("tenant: a\nSTATUS: 0\nOUTCOME: client-aborted", "NOT STATUS AND OUTCOME=client-aborted"), true);
});

test("a wrong name is told at its place, with what was probably meant", () => {
  deepEqual(read("tenant: a\nMODULNAME: x\nstatus: 201\nrequest.body/id: 7\nRequest.body: x").problems, [
    "2:1 MODULNAME is not a reserved word; did you mean MODULENAME?",
    "3:1 status would be a request header here",
    "4:1 single fields of a body can't be set",
    "5:1 write request.body in lower case",
  ]);
});

test("what no event could show is told at its place", () => {
  const problems = (yaml: string): string => read(`tenant: a\n${yaml}`).problems.join("; ");
  equal(problems("PATH: /a?b"), '2:7 rules would see PATH as "/a"');
  equal(problems("STATUS: ok"), "2:9 STATUS is absent from such an event (its EVENTTYPE is transaction)");
  equal(problems("STATUS: 1e2"), '2:9 rules would see STATUS as "100"');
  equal(problems("OUTCOME: done"), '2:10 rules would see OUTCOME as "complete"');
  equal(problems("EVENTTYPE: other"), '2:12 rules would see EVENTTYPE as "transaction"');
  equal(problems("TOPIC: x\nMETHOD: GET"), "3:9 METHOD is absent from such an event (its EVENTTYPE is agent)");
  equal(problems("TOPIC: x\nx-a: 1"), "1:1 an agent's event has no headers");
  equal(problems("TOPIC: x\nrequest.body: {}"), "3:1 such an event has no request.body (its EVENTTYPE is agent)");
  equal(problems("STATE: x\npayload: { state: y }"), '2:8 rules would see STATE as "y"');
  equal(problems("STATE: x\nunknown: [payload]"), "2:8 STATE comes out of the payload, which is unknown here");
  equal(problems("QOS: twice"), "2:6 QOS is absent from such an event (its EVENTTYPE is agent)");
  equal(problems("METHOD: "), "2:1 expected text or a number");
  equal(problems("x-a: { b: 1 }"), "2:1 expected text or a number");
  equal(problems("unknown: [x-a]"), "2:11 expected request.body, response.body, payload");
  equal(problems("unknown: [payload]\npayload: 1"), "2:11 payload can't be unknown and have a value");
  equal(read("- 1").problems.join(), "1:1 expected the attributes of an event, names with values");
  equal(read("tenant: a b").problems.join(), "1:9 expected the name of a tenant: 1 to 128 characters, no spaces");
});

test("whatever is written down becomes an event or an error", () => {
  const names = fc.oneof(
    fc.constantFrom(...RESERVED_WORDS, "tenant", "unknown", "request.body", "payload", "x-a", "constructor"),
    fc.string(),
  );
  const values = fc.oneof(
    fc.constantFrom("a", "0", "/a", "agent", "payload", "request.body", "acapy::record::x::y"),
    fc.jsonValue({ maxDepth: 2 }),
  );
  fc.assert(
    fc.property(fc.dictionary(names, values), (record) => {
      const { event, problems } = read(JSON.stringify({ ...record, tenant: "diku" }));
      equal(event === null, problems.length > 0);
    }),
    { numRuns: 500 },
  );
});
