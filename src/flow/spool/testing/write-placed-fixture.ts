/**
 * Writes the small spool with places in sources that is kept for each release: `node
 * src/flow/spool/testing/write-placed-fixture.ts FOLDER`.
 *
 * Its messages are of journals, as a kill leaves a log of them: one boot that is read to its end, one in whose last event
 * the kill came, and one whose events were all delivered. What was redriven or replayed tells nothing.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Message } from "../../message/message.ts";
import { message } from "./fixtures.ts";
import { FixtureLog } from "./fixture-log.ts";
import { FIXTURE_DESTINATION } from "./write-fixture.ts";

const [DELIVERED, READ, CUT] = ["0a", "1b", "2c"].map((byte) => byte.repeat(16)) as [string, string, string];
const SOURCE = "agents";
const FILLING = Buffer.alloc(600, "0123456789abcdef");

function placed(boot: string, position: number, over: Partial<Message> = {}): Message {
  return message("", { source: SOURCE, sourcePosition: position, eventId: `${boot}/${position}`, value: FILLING, ...over });
}

async function append({ log }: FixtureLog, ...messages: readonly Message[]): Promise<void> {
  for (const each of messages) log.append(each, true);
  await log.flush();
}

async function write(folder: string): Promise<void> {
  const fixture = await FixtureLog.open(FIXTURE_DESTINATION);
  for (let position = 1; position <= 30; position += 1) await append(fixture, placed(DELIVERED, position));
  await fixture.confirm();
  for (let position = 1; position <= 12; position += 1) {
    const other = { stream: "größen", topic: "темы" };
    await append(fixture, placed(READ, position), ...(position % 3 === 0 ? [placed(READ, position, other)] : []));
  }
  // Not every event has a message.
  for (const position of [2, 5, 9]) await append(fixture, placed(CUT, position));
  await append(fixture, placed(CUT, 14, { topic: "first" }), placed(CUT, 14, { topic: "second" }));
  await append(fixture, placed(CUT, 40, { stream: "replay/users-audit" }), placed(READ, 40, { stream: "redrive/users-audit" }));
  await fixture.confirm(40);
  const expected = {
    ...(fixture.keep(join(folder, "data")) as object),
    progress: { [`${SOURCE} ${DELIVERED}`]: 30, [`${SOURCE} ${READ}`]: 12, [`${SOURCE} ${CUT}`]: 14 },
    begun: {
      [`${SOURCE} ${DELIVERED}`]: ["users-audit users"],
      [`${SOURCE} ${READ}`]: ["users-audit users", "größen темы"],
      [`${SOURCE} ${CUT}`]: ["users-audit first", "users-audit second"],
    },
  };
  await fixture.log.close();
  writeFileSync(join(folder, "expected.json"), `${JSON.stringify({ [FIXTURE_DESTINATION]: expected }, null, 1)}\n`);
}

if (import.meta.main) await write(process.argv[2] ?? "");
