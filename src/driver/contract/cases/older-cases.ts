/**
 * What is on disk may be older than the last time that a lane was numbered anew: its cursor, after a kill, or all of the
 * data folder, after somebody put a copy back.
 */
import assert from "node:assert/strict";
import type { LanePosition, LaneRecovery, NumberedConnection, OutgoingMessage } from "../../destination.ts";
import { assertMayPass, type Body, type ContractBench } from "../bench.ts";
import { SEND_MS_MAX, settles } from "../bounds.ts";
import { assertOutcomes } from "../numbered-lanes.ts";
import { laneOf } from "./number-cases.ts";

const COUNT = 10;

export function olderCases(): Record<string, Body> {
  return { ...olderCursorCases(), ...olderCopyCases() };
}

function olderCursorCases(): Record<string, Body> {
  const cases: Record<string, Body> = {};
  for (const [when, afterCount] of [
    ["and nothing was sent since", 0],
    ["and more was sent since", COUNT],
  ] as const)
    cases[`a cursor from before a lane was numbered anew loses and doubles nothing, ${when}`] = async (bench) => {
      const sent = bench.messages(COUNT);
      const first = await bench.openNumbered();
      await bench.deliver(first, sent);
      const cursor = bench.lanes.positions();
      const pending = await sendAround(bench, first, COUNT, afterCount);
      await bench.dispose(first);
      bench.lanes.goBackTo(cursor);
      const second = await bench.openNumbered();
      const lane = await laneOf(second, sent);
      const { number } = await bench.lanes.recover(second, lane, AbortSignal.timeout(SEND_MS_MAX));
      assert.equal(number, COUNT + pending.length, "all below the number where the lane began anew was acknowledged");
      const later = bench.messages(COUNT);
      await bench.deliver(second, [...pending, ...later]);
      await bench.assertArrived([...sent, ...pending, ...later]);
    };
  return cases;
}

function olderCopyCases(): Record<string, Body> {
  const cases: Record<string, Body> = {};
  for (const [when, beforeCount] of [
    ["from just before", 0],
    ["from long before", COUNT],
  ] as const)
    cases[`a copy of the data folder ${when} a lane was numbered anew is put back: what is answered as sent has arrived`] = async (
      bench,
    ) => {
      const sent = bench.messages(COUNT);
      const first = await bench.openNumbered();
      await bench.deliver(first, sent);
      const lane = await laneOf(first, sent);
      const last = bench.lanes.positions().get(lane) as LanePosition;
      const memory = bench.memory.copy();
      sent.push(...(await sendAround(bench, first, beforeCount, COUNT)));
      await bench.dispose(first);
      bench.memory.putBack(memory);
      const others = bench.messages(COUNT);
      const answered = await sentFromCopy(bench, lane, last, beforeCount, others).catch((error: unknown) => {
        // The lane waits: an operator decides.
        assertMayPass(error);
        return [];
      });
      const received = await bench.receivedValues();
      for (const message of [...sent, ...answered])
        assert(received.includes(message.value.toString()), `the message ${message.value.toString()} was answered as sent and is lost`);
    };
  return cases;
}

/** Sends, numbers the lane anew where it stands, and sends. */
async function sendAround(bench: ContractBench, connection: NumberedConnection, before: number, after: number): Promise<OutgoingMessage[]> {
  const sent = bench.messages(before);
  if (before > 0) await bench.deliver(connection, sent);
  for (const [lane, { number }] of bench.lanes.positions())
    await bench.lanes.renumber(connection, lane, number, AbortSignal.timeout(SEND_MS_MAX));
  const later = bench.messages(after);
  if (after > 0) await bench.deliver(connection, later);
  return [...sent, ...later];
}

/**
 * Goes on as the flow does with messages that only the copy has.
 *
 * @param unknownCount - Messages that the copy doesn't know, sent under numbers from `last` on.
 * @returns Those that the driver answers as sent.
 */
async function sentFromCopy(
  bench: ContractBench,
  lane: string,
  last: LanePosition,
  unknownCount: number,
  messages: readonly OutgoingMessage[],
): Promise<readonly OutgoingMessage[]> {
  const connection = await bench.openNumbered();
  const signal = AbortSignal.timeout(SEND_MS_MAX);
  const { number }: LaneRecovery = await settles(connection.recover(lane, last, signal), signal, "recover");
  const told = `it has numbers below ${last.number + unknownCount} from before the lane began anew, recover says ${number}`;
  assert(number === null || number <= last.number + unknownCount, told);
  // The flow stops a lane of which the destination has what this log never sent.
  if (number !== null && number > last.number) return [];
  if (number !== null && number < last.number) await settles(connection.renumber(lane, last.number, null, signal), signal, "renumber");
  const batch = { lane, firstNumber: last.number, messages };
  const { outcomes } = await settles(connection.send(batch, signal), signal, "send");
  assertOutcomes(outcomes, messages.length);
  return messages.filter((_, index) => outcomes[index] === null);
}
