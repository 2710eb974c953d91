/** A message that is refused, of which a kill leaves open whether it was confirmed, is one dead letter. */
import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { message, readAll } from "./testing/fixtures.ts";
import { lettersOf, makeLetters, openLetters, redriveAll, refuse } from "./testing/letters-site.ts";
import { MemoryDisk, seededRandom } from "./testing/memory-disk.ts";

const numbersOf = async (site: Parameters<typeof lettersOf>[0]): Promise<readonly string[]> =>
  (await lettersOf(site)).map((letter) => letter.message.eventId);

test("a message whose letter was on disk before a kill is refused again without a second letter", async () => {
  const disk = new MemoryDisk(seededRandom(1));
  const site = await openLetters(disk);
  await makeLetters(site, 2);
  for (const text of ["a", "b"]) site.log.append(message(text), true);
  await site.log.flush();
  for (const each of await readAll(site.log)) await site.letters.add(each, "SST_DESTINATION_REFUSED", "too large");
  disk.killProcess();
  const again = await openLetters(disk);
  await refuse(again, await readAll(again.log));
  deepEqual(await numbersOf(again), ["event-0", "event-1", "event-a", "event-b"]);
  // What is redriven is another message, under a number of its own.
  await redriveAll(again, { filter: { eventId: "event-a" } });
  await refuse(again, await readAll(again.log));
  deepEqual(await numbersOf(again), ["event-0", "event-1", "event-b", "event-a"]);
  await again.spool.close();
});

test("nor where sending only began anew in between", async () => {
  const site = await openLetters(new MemoryDisk(seededRandom(1)));
  site.log.append(message("a"), true);
  await site.log.flush();
  const [first] = await readAll(site.log);
  if (first !== undefined) await site.letters.add(first, "SST_DESTINATION_REFUSED", "too large");
  await refuse(site, await readAll(site.log));
  deepEqual(await numbersOf(site), ["event-a"]);
  await site.spool.close();
});
