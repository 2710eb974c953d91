/** A real log under a real dispatcher: what one stuck lane leaves behind doesn't hold up the log's space. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DestinationLog } from "../spool/destination-log.ts";
import { message, temporaryFolder } from "../spool/testing/fixtures.ts";
import { disk } from "../spool/disk.ts";
import { SidestreamError } from "../../errors.ts";
import { Dispatcher } from "./dispatcher.ts";
import { laneOfKey } from "./lane-of-key.ts";
import { MemoryDeadLetters } from "./testing/memory-log.ts";
import { ScriptedDestination, takeAll, type Answer } from "./testing/scripted-destination.ts";

const KIB = 1024;
const LANES = 8;
const STUCK = laneOfKey("key-0", LANES);
/** One of them in the lane that is stuck. */
const KEYS = ["key-0", ...Array.from({ length: 30 }, (_, index) => `key-${index}`).filter((key) => laneOfKey(key, LANES) !== STUCK)];

async function open(folder: string): Promise<DestinationLog> {
  return DestinationLog.open({
    disk,
    folder,
    destination: "out",
    bytesMax: 16 * 1024 * KIB,
    topicsMax: 10,
    segmentBytesMax: 64 * KIB,
    parkBytes: 128 * KIB,
    onFinding: ({ text }) => assert.fail(text),
  });
}

/** The lane of `key-0` fails until it is told otherwise. */
function destinationWithStuckLane(): { readonly destination: ScriptedDestination; revive: () => void } {
  const destination = new ScriptedDestination(LANES);
  let isStuck = true;
  const answer: Answer = async (batch, arrive, signal) => {
    if (!isStuck || batch.every(({ key }) => laneOfKey(key, LANES) !== STUCK)) return takeAll(batch, arrive, signal);
    return batch.map(() => new SidestreamError("SST_LANE_UNAVAILABLE", "scripted"));
  };
  destination.otherwise = answer;
  return { destination, revive: () => (isStuck = false) };
}

function dispatch(log: DestinationLog, destination: ScriptedDestination): Dispatcher {
  const dispatcher = new Dispatcher({
    log,
    deadLetters: new MemoryDeadLetters(),
    driver: destination.driver,
    options: {},
    inFlightMax: 100,
    random: () => 0,
  });
  dispatcher.start();
  return dispatcher;
}

/** Settles when something holds that a change of the log's cursor brings about. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

const pendingOf = (log: DestinationLog): number => log.status().pending["users-audit"]?.["diku"] ?? 0;

test(
  "a stuck lane keeps its messages and no more of the log, and has them all in order once it gets on",
  { timeout: 60_000 },
  async (t) => {
    const folder = temporaryFolder(t);
    const first = destinationWithStuckLane();
    let log = await open(folder);
    let dispatcher = dispatch(log, first.destination);
    let count = 0;
    const sent = new Map<string, number[]>();
    let stuckCount = 0;
    const write = async (messages: number): Promise<void> => {
      const end = count + messages;
      for (; count < end; count += 1) {
        const key = KEYS[count % KEYS.length] ?? "";
        sent.set(key, [...(sent.get(key) ?? []), count]);
        if (laneOfKey(key, LANES) === STUCK) stuckCount += 1;
        log.append(message(String(count), { key, value: Buffer.alloc(900, `${count} `) }), true);
      }
      await log.flush();
      await until(() => pendingOf(log) === stuckCount);
    };
    for (let round = 0; round < 30; round += 1) await write(100);
    const stuckBytes = stuckCount * 1_200;
    assert(count * 1_000 > 2 * (stuckBytes + 512 * KIB), "most of what was written is the others'");
    await until(() => log.status().usedBytes < stuckBytes + 512 * KIB);
    await dispatcher.stop(0);
    await log.close();

    log = await open(folder);
    assert.equal(pendingOf(log), stuckCount, "what waits is there after a start");
    dispatcher = dispatch(log, first.destination);
    await write(200);
    first.revive();
    await until(() => pendingOf(log) === 0);
    await dispatcher.stop(0);
    for (const [key, numbers] of sent) {
      const arrived = first.destination.arrived.filter((each) => each.key === key).map(({ value }) => parseInt(value.toString(), 10));
      assert.deepEqual([...new Set(arrived)], numbers, `${key} arrived whole and in order`);
    }
    await log.close();
  },
);
