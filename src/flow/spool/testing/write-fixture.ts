/**
 * Writes the small spool that is kept for each release: `node src/flow/spool/testing/write-fixture.ts FOLDER`.
 *
 * It has several segments, messages of every kind, confirmations out of order, messages that were turned away, and dead
 * letters; beside it `expected.json` tells what must be read from it.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Message } from "../../message/message.ts";
import { DeadLetterLog } from "../dead-letter-log.ts";
import { DestinationLog } from "../destination-log.ts";
import { disk } from "../disk.ts";
import { DEAD_FOLDER, SPOOL_FOLDER } from "../folders.ts";
import type { Confirmation, SpooledMessage } from "../spooled.ts";
import { delivered, message, readAll } from "./fixtures.ts";

export const FIXTURE_DESTINATION = "kafka1";

/** One message of every kind that the format knows. */
export const KINDS: readonly Message[] = [
  message("plain"),
  message("with every field", {
    rule: 4_294_967_295,
    sourcePosition: Number.MAX_SAFE_INTEGER,
    acceptedMs: 1_795_000_000_000.5,
    source: "journal",
    exactlyOnce: true,
  }),
  message("umlauts and others", {
    tenant: "größe",
    topic: "темы",
    key: "鍵/🔑",
    headers: [
      ["ключ", "wert ä"],
      ["", ""],
    ],
  }),
  message("names of JavaScript", { stream: "constructor", tenant: "__proto__", topic: "__proto__", headers: [["__proto__", "x"]] }),
  message("empty", { key: "", headers: [], value: Buffer.alloc(0) }),
  message("binary", { value: Buffer.from(Array.from({ length: 256 }, (_, index) => index)) }),
  message("many headers", { headers: Array.from({ length: 40 }, (_, index) => [`x-header-${index}`, String(index * 7)] as const) }),
  message("bytes that look like a frame", { value: Buffer.from("BTCHSSTSEGMTSSTTRAIL".repeat(9), "latin1") }),
  message("large", { value: Buffer.alloc(1_500, "0123456789abcdef") }),
];

const OUTCOMES: readonly Pick<Confirmation, "outcome" | "reason">[] = [
  { outcome: "delivered", reason: null },
  { outcome: "dead", reason: "SST_DESTINATION_REFUSED" },
  { outcome: "dropped", reason: "drop-oldest" },
];

/** What a reader of the folder must get, as JSON keeps it. */
export function described(message: SpooledMessage): unknown {
  const entries = Object.entries({ ...message, value: message.value.toString("base64") });
  // What a frame takes is no part of the message.
  return Object.fromEntries(entries.filter(([name]) => name !== "frameBytes"));
}

async function write(folder: string): Promise<void> {
  const data = join(folder, "data");
  const onFinding = () => undefined;
  const common = { disk, destination: FIXTURE_DESTINATION, onFinding, segmentBytesMax: 13 * 1024 };
  mkdirSync(data, { recursive: true });
  const log = await DestinationLog.open({
    ...common,
    folder: join(data, SPOOL_FOLDER, FIXTURE_DESTINATION),
    bytesMax: 16 * 1024 * 1024,
    topicsMax: 100,
  });
  for (let round = 0; round < 3; round++) {
    for (const each of KINDS) log.append({ ...each, eventId: `${each.eventId} ${round}` }, true);
    await log.flush();
  }
  log.countTurnedAway("users-audit", "diku", "dropped", "spool-full");
  const all = await readAll(log);
  const chosen = [2, 0, 1, 12].flatMap((index) => all[index] ?? []);
  await log.confirm(chosen.map((each, index) => ({ ...delivered(each), lane: String(index), ...OUTCOMES[index % 3] })));
  const waiting = await readAll(log);
  const dead = await DeadLetterLog.open({
    ...common,
    folder: join(data, DEAD_FOLDER, FIXTURE_DESTINATION),
    messagesLogId: log.logId,
    keepMs: 1e15,
    bytesMax: 1024 * 1024,
  });
  for (const each of all.slice(0, 3)) await dead.add(each, "SST_DESTINATION_REFUSED", "zu groß");
  dead.append(message("no topic", { topic: "" }), "SST_TEMPLATE_VALUE", "tenant is missing");
  await dead.flush();
  const { accepted, outcomes, turnedAway, pending, nextSequence } = log.status();
  const expected = {
    logId: log.logId,
    nextSequence,
    accepted,
    outcomes,
    turnedAway,
    pending,
    deadLetters: dead.messages,
    messages: all.map(described),
    waiting: waiting.map(({ logSequence }) => logSequence),
  };
  await dead.close();
  await log.close();
  writeFileSync(join(folder, "expected.json"), `${JSON.stringify(expected, null, 1)}\n`);
}

if (import.meta.main) await write(process.argv[2] ?? "");
