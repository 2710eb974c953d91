/**
 * The demo's configuration: what a small site would write, as text, so that it works from any folder and release.
 *
 * Promise: the files are complete: an example to read, to copy and to adapt.
 */

export interface DemoPlaces {
  /** Address that the gateway listens on: `127.0.0.1:0` for any free port. */
  readonly gatewayListen: string;
  /** `http://127.0.0.1:41234`. */
  readonly upstreamUrl: string;
  /** Address of the health listener. */
  readonly healthListen: string;
  /** Absolute path of the folder for the files of messages. */
  readonly eventsFolder: string;
  /** Addresses of Kafka brokers, `host:port` with commas between; null: files alone. */
  readonly kafka: string | null;
}

/** Name of the Kafka destination, where there is one. */
export const DEMO_KAFKA_DESTINATION = "kafka1";

/** File names, relative to the demo's folder, and their texts. */
export function demoFiles(places: DemoPlaces): Readonly<Record<string, string>> {
  return {
    "sidestream.yaml": configuration(places),
    "streams/users-audit.yaml": toKafkaToo(USERS_AUDIT, places),
    "streams/circulation-analytics.yaml": toKafkaToo(CIRCULATION_ANALYTICS, places),
    "streams/errors-monitoring.yaml": toKafkaToo(ERRORS_MONITORING, places),
  };
}

/** Gives each rule that publishes to files a second one that publishes to Kafka, and each test what it then expects. */
function toKafkaToo(descriptor: string, { kafka }: DemoPlaces): string {
  if (kafka === null) return descriptor;
  return descriptor
    .replaceAll(/^( *- .* , publish , )events:(\S+)$/gm, `$&\n$1${DEMO_KAFKA_DESTINATION}:$2`)
    .replaceAll(/(expect: \[ )events:(\S+) \]/g, `$1events:$2, ${DEMO_KAFKA_DESTINATION}:$2 ]`);
}

function kafkaDestination(brokers: string): string {
  const list = brokers.split(",").map((broker) => JSON.stringify(broker.trim()));
  return `  ${DEMO_KAFKA_DESTINATION}:
    type: kafka
    brokers: [ ${list.join(", ")} ]
    createTopics: {}                    # topics that don't exist are made, with the brokers' defaults
    spool: { bytesMax: 64MiB }
`;
}

function configuration({ gatewayListen, upstreamUrl, healthListen, eventsFolder, kafka }: DemoPlaces): string {
  return `# The demo: a library's APIs behind Sidestream, its events in files${kafka === null ? "" : " and in Kafka"}.
version: 1
enabled: true
instance: demo-1
env: demo
data: ./data
sources:
  front:
    type: gateway
    listen: ${JSON.stringify(gatewayListen)}
    upstream: ${JSON.stringify(upstreamUrl)}
    capture: durable                    # an answer is released once its messages are on disk
    routes:
      - { path: "/inventory/*", capture: best-effort }
    platform:
      type: static
      tenant: [ { header: x-okapi-tenant } ]
      defaultTenant: none
      routes:
        - { path: "/users/{id}", moduleName: mod-users, moduleVersion: "19.6.0", interface: users, interfaceVersion: "16.4" }
        - { path: "/users", moduleName: mod-users, moduleVersion: "19.6.0", interface: users, interfaceVersion: "16.4" }
        - { path: "/groups*", moduleName: mod-users, moduleVersion: "19.6.0", interface: users, interfaceVersion: "16.4" }
        - { path: "/inventory/items/{id}", moduleName: mod-inventory, moduleVersion: "21.1.2", interface: inventory }
        - { path: "/inventory/items", moduleName: mod-inventory, moduleVersion: "21.1.2", interface: inventory }
        - { path: "/circulation/loans/{id}", moduleName: mod-circulation, moduleVersion: "24.4.0", interface: circulation }
        - { path: "/circulation/loans", moduleName: mod-circulation, moduleVersion: "24.4.0", interface: circulation }
        - { path: "/authn/login", methods: [POST], moduleName: mod-login, moduleVersion: "7.12.0", interface: login }
destinations:
  events: { type: file, path: ${JSON.stringify(eventsFolder)}, spool: { bytesMax: 64MiB } }
${kafka === null ? "" : kafkaDestination(kafka)}streams: [ ./streams/*.yaml ]
health: { listen: ${JSON.stringify(healthListen)} }
`;
}

const USERS_AUDIT = `# Who changed which user record, and who logged in. Passwords and tokens never leave.
stream: users-audit
title: Changes to user records
tenants: all
redact: [ request.body/personal/email, response.body/personal/email ]
rules:
  - (MODULENAME=mod-users AND METHOD=(POST, PUT, DELETE) AND STATUS<300) , publish , events:{env}.{tenant}.users-audit
  - (PATH=/authn/login) , publish , events:{env}.{tenant}.log-ins
tests:
  - name: a created user is published
    event: { tenant: diku, METHOD: POST, PATH: /users, MODULENAME: mod-users, STATUS: 201 }
    expect: [ events:demo.diku.users-audit ]
  - name: reading users is not
    event: { tenant: diku, METHOD: GET, PATH: /users, MODULENAME: mod-users, STATUS: 200 }
    expect: []
`;

const CIRCULATION_ANALYTICS = `# What is lent and returned, without who: only the fields under keep leave.
stream: circulation-analytics
title: Loans for statistics
tenants: all
keep: [ response.body/id, request.body/itemId, request.body/action, request.body/status/name ]   # the id keeps a loan's messages in order
rules:
  - (MODULENAME=mod-circulation AND METHOD=(POST, PUT) AND STATUS<300) , publish , events:{env}.{tenant}.circulation
tests:
  - name: a loan is published
    event: { tenant: testlib, METHOD: POST, PATH: /circulation/loans, MODULENAME: mod-circulation, STATUS: 201 }
    expect: [ events:demo.testlib.circulation ]
`;

const ERRORS_MONITORING = `# Answers that nobody wanted, of every tenant in one topic, without bodies.
stream: errors-monitoring
title: Failed requests
tenants: all
body: { limit: 0KiB, types: [] }
rules:
  - STATUS>=500 , publish , events:{env}.errors
tests:
  - name: a failing module is published
    event: { tenant: diku, METHOD: GET, PATH: /inventory/items/1, STATUS: 500 }
    expect: [ events:demo.errors ]
  - name: a record that isn't there is not
    event: { tenant: diku, METHOD: GET, PATH: /users/1, STATUS: 404 }
    expect: []
`;
