/** The books of a log where disk and program fail between two steps. */
import { deepEqual, rejects } from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { SpooledMessage } from "./spooled.ts";
import { delivered, FailingDisk, message, openLog, readAll, temporaryFolder, texts } from "./testing/fixtures.ts";

test("a message that was taken back before anybody flushed it is refused by the flush that comes after", async (t) => {
  const failing = new FailingDisk();
  const { log } = await openLog(temporaryFolder(t), { disk: failing });
  log.append(message("a"), true);
  await log.flush();
  failing.fail = (operation, path) => (operation === "write" && path.endsWith(".segment") ? "ENOSPC" : null);
  log.append(message("b"), true);
  const refused = log.flush();
  log.append(message("c"), true);
  await rejects(refused, { code: "SST_SPOOL_IO" });
  await rejects(log.flush(), { code: "SST_SPOOL_IO" });
  failing.fail = () => null;
  log.append(message("d"), true);
  await log.flush();
  deepEqual(texts(await readAll(log)), ["a", "d"]);
  await log.close();
});

test("a loss met while running is booked on what still waits, never on what was delivered", async (t) => {
  const folder = temporaryFolder(t);
  const { log } = await openLog(folder);
  for (const tenant of ["a", "b", "c"]) log.append(message(tenant, { tenant, value: Buffer.from(`value-of-${tenant}`) }), true);
  await log.flush();
  const [first] = await readAll(log);
  await log.confirm([delivered(first as SpooledMessage)]);
  const path = join(folder, readdirSync(folder).find((name) => name.endsWith(".segment")) ?? "");
  const bytes = readFileSync(path);
  for (const tenant of ["a", "b"]) bytes.fill(0, bytes.indexOf(`value-of-${tenant}`), bytes.indexOf(`value-of-${tenant}`) + 4);
  writeFileSync(path, bytes);
  const left = await readAll(log);
  await log.confirm(left.map(delivered));
  const { outcomes, pending } = log.status();
  deepEqual(JSON.parse(JSON.stringify(outcomes)), {
    "users-audit": {
      a: { delivered: 1, dead: 0, dropped: {} },
      b: { delivered: 0, dead: 0, dropped: { damaged: 1 } },
      c: { delivered: 1, dead: 0, dropped: {} },
    },
  });
  deepEqual(JSON.parse(JSON.stringify(pending)), { "users-audit": { a: 0, b: 0, c: 0 } });
  await log.close();
});
