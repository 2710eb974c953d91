/** A whole numbered driver, for the ledger in memory: what a driver for a real protocol has to keep, in short. */
import { randomUUID } from "node:crypto";
import { z } from "zod";
import { defineDestination, type DestinationMemory, type OutgoingMessage, type SendOutcome } from "../../destination.ts";
import { SidestreamError } from "../../../errors.ts";
import { LedgerAway, type Ledger } from "./ledger.ts";

/** Where a lane's numbers begin: the ledger counts from 0 under each name of a writer. */
interface Beginning {
  readonly writer: string;
  readonly number: number;
}

export function ledgerDriver(ledger: Ledger) {
  return defineDestination({
    type: "ledger",
    summary: "Keeps messages in memory, each once",
    options: z.strictObject({ where: z.string(), password: z.string(), authority: z.string().default("right") }),
    promises: { ordered: true, deduplicates: true, lanes: 1 },
    identity: {
      show: (memory) => memory.names().map((name) => [name, JSON.stringify(memory.get(name))]),
      accept: () => [],
      reset: (memory) => memory.names().map((name) => [name, null]),
    },

    async open({ where, password, authority }, { name, memory, signal }) {
      if (memory === undefined) throw new TypeError("a numbered driver is given a memory");
      if (where !== "here") throw new SidestreamError("SST_DESTINATION_UNREACHABLE", `${name}: ${where} does not answer`);
      if (authority !== "right") throw new SidestreamError("SST_DESTINATION_TLS", `${name}: the certificate is not trusted`);
      const check = async (signal: AbortSignal): Promise<void> => {
        const known = await ledger.login(password, signal).catch((cause: unknown) => {
          throw failure(cause);
        });
        if (!known) throw new SidestreamError("SST_DESTINATION_LOGIN", `${name}: the password is wrong`);
      };
      await check(signal);
      const writer = await kept(memory, "writer", () => randomUUID());
      const beginning = (lane: string): Beginning => (memory.get(`numbers of ${lane}`) ?? { writer, number: 0 }) as Beginning;

      return {
        async lane({ topic, key }) {
          // As it was when the topic was first met: lanes that are added later would take keys from those there are.
          const known = memory.get(`lanes of ${topic}`) as number | undefined;
          const count =
            known ??
            (await kept(
              memory,
              `lanes of ${topic}`,
              await ledger.laneCount().then(
                (count) => () => count,
                (cause: unknown) => {
                  throw failure(cause);
                },
              ),
            ));
          return `${topic}/${Buffer.from(key).reduce((sum, byte) => sum + byte, 0) % count}`;
        },
        async recover(lane, last, signal) {
          const { writer, number } = beginning(lane);
          const next = await ledger.expects(writer, lane, signal).catch((cause: unknown) => {
            throw failure(cause);
          });
          if (next !== null) return { number: number + next, position: `${lane} to ${next}` };
          // Nothing came since the lane was numbered anew; all below that was acknowledged before, also where `last` is older.
          const isAnew = memory.get(`numbers of ${lane}`) !== undefined;
          return { number: isAnew ? number : null, position: last.position };
        },
        async renumber(lane, number) {
          // Under a new name, of which the ledger knows nothing.
          await memory.set(`numbers of ${lane}`, { writer: randomUUID(), number });
        },
        async send({ lane, firstNumber, messages }, signal) {
          const { writer, number } = beginning(lane);
          try {
            const answer = await ledger.append(writer, lane, firstNumber - number, messages, signal);
            switch (answer.kind) {
              case "taken":
                return { outcomes: partly(messages, answer.count, "SST_DESTINATION_REFUSED"), position: `${lane} to ${answer.end}` };
              case "busy":
                return { outcomes: partly(messages, answer.count, "SST_DESTINATION_BUSY"), position: `${lane} to ${answer.end}` };
              case "too-large":
                return {
                  outcomes: partly(messages, 0, messages.length === 1 ? "SST_DESTINATION_REFUSED" : "SST_BATCH_REFUSED"),
                  position: null,
                };
              case "other-numbers":
                return { outcomes: all(messages, new SidestreamError("SST_NUMBERS_REFUSED", "the ledger expects others")), position: null };
            }
          } catch (cause) {
            return { outcomes: all(messages, failure(cause)), position: null };
          }
        },
        async sendOnce(messages, signal) {
          try {
            const codes = await ledger.appendOnce(messages, signal);
            return codes.map((code) => (code === null ? null : new SidestreamError(code, "the ledger did not take it")));
          } catch (cause) {
            return all(messages, failure(cause));
          }
        },
        check,
        async [Symbol.asyncDispose]() {},
      };
    },
  });
}

/** What the memory has under a name; otherwise it is made and kept before it is used. */
async function kept<T>(memory: DestinationMemory, name: string, make: () => T): Promise<T> {
  const known = memory.get(name) as T | undefined;
  if (known !== undefined) return known;
  const value = make();
  await memory.set(name, value);
  return value;
}

function failure(cause: unknown): SidestreamError {
  if (cause instanceof LedgerAway) return new SidestreamError("SST_DESTINATION_UNREACHABLE", "the ledger is away", { cause });
  return new SidestreamError("SST_DESTINATION_UNSURE", "the ledger did not answer", { cause });
}

function all(messages: readonly OutgoingMessage[], outcome: SidestreamError): readonly SendOutcome[] {
  return messages.map(() => outcome);
}

/** The first were taken, the next failed, the others were not looked at. */
function partly(
  messages: readonly OutgoingMessage[],
  takenCount: number,
  code: "SST_DESTINATION_REFUSED" | "SST_DESTINATION_BUSY" | "SST_BATCH_REFUSED",
): readonly SendOutcome[] {
  return messages.map((_, index) => {
    if (index < takenCount) return null;
    if (index === takenCount) return new SidestreamError(code, "the ledger did not take it");
    return new SidestreamError("SST_BATCH_REFUSED", "not looked at");
  });
}
