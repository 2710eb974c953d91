/** The contract's tests of numbered drivers: one that keeps it passes them all, each that breaks it fails the one for it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SidestreamError } from "../../errors.ts";
import type {
  DestinationContext,
  DestinationDriver,
  DestinationMemory,
  NumberedBatch,
  NumberedConnection,
  NumberedReceipt,
} from "../destination.ts";
import { destinationCases } from "./cases.ts";
import { destinationContract } from "./destination-contract.ts";
import { Ledger } from "./testing/ledger.ts";
import { ledgerDriver } from "./testing/ledger-driver.ts";

const good = new Ledger();
destinationContract(ledgerDriver(good), good.harness);

type Driver = DestinationDriver<{ readonly where: string; readonly password: string; readonly authority: string }, NumberedConnection>;

interface Fault {
  readonly caught: string;
  readonly driver?: (driver: Driver, ledger: Ledger) => Driver;
  readonly connection?: (connection: NumberedConnection, ledger: Ledger) => Partial<NumberedConnection>;
}

const never = new AbortController().signal;
let openCount = 0;
let laneCount = 0;
const keptForever: Buffer[] = [];

/** A memory that says it has what it hasn't. */
function hasty(memory: DestinationMemory): DestinationMemory {
  const claimed = new Map<string, unknown>();
  return {
    get: (name) => claimed.get(name) ?? memory.get(name),
    names: () => memory.names(),
    set: async (name, value) => {
      claimed.set(name, value);
      void memory.set(name, value);
    },
    nextSequence: memory.nextSequence,
  };
}

/** A memory of which nothing is left with the next connection. */
function forgetful({ nextSequence }: DestinationMemory): DestinationMemory {
  const values = new Map<string, unknown>();
  return {
    get: (name) => values.get(name),
    names: () => [...values.keys()],
    set: async (name, value) => void values.set(name, value),
    nextSequence,
  };
}

function withMemory(driver: Driver, change: (memory: DestinationMemory) => DestinationMemory): Driver {
  return {
    ...driver,
    open: (options, context: DestinationContext) =>
      driver.open(options, context.memory === undefined ? context : { ...context, memory: change(context.memory) }),
  };
}

function withSend(
  change: (batch: NumberedBatch, send: (batch: NumberedBatch) => Promise<NumberedReceipt>, ledger: Ledger) => Promise<NumberedReceipt>,
): NonNullable<Fault["connection"]> {
  return (connection, ledger) => ({
    send: async (batch, signal) => change(batch, async (changed) => connection.send(changed, signal), ledger),
  });
}

const AGAIN = "a batch that is sent again arrives once, over the same connection and over a new one";
const ABORT = "after an abort in mid-send it tells how many arrived, and going on from there neither loses nor doubles";
const REFUSED = "after a message that is refused the next has its number";
const SAME_LANE = "a message's lane is the same on every connection with the same memory, and after more messages";

const faults: Record<string, Fault> = {
  "doubles what is sent again": {
    caught: AGAIN,
    connection: withSend(async (batch, send, ledger) => {
      ledger.next.clear();
      return send(batch);
    }),
  },
  "loses the last message of a batch": {
    caught: "a backlog arrives whole",
    connection: withSend(async (batch, send) => {
      const { outcomes, position } = await send({ ...batch, messages: batch.messages.slice(0, -1) });
      return { outcomes: [...outcomes, null], position };
    }),
  },
  "turns a batch around": {
    caught: "messages of a lane arrive in the order sent, within a batch and over batches",
    connection: withSend(async (batch, send) => send({ ...batch, messages: batch.messages.toReversed() })),
  },
  "goes on behind a message that was refused": {
    caught: REFUSED,
    connection: withSend(async (batch, send) => {
      const receipt = await send(batch);
      const at = receipt.outcomes.findIndex((outcome) => outcome !== null);
      if (receipt.outcomes[at]?.retry !== "never" || at === batch.messages.length - 1) return receipt;
      const rest = await send({ ...batch, firstNumber: batch.firstNumber + at, messages: batch.messages.slice(at + 1) });
      return { outcomes: [...receipt.outcomes.slice(0, at + 1), ...rest.outcomes], position: rest.position };
    }),
  },
  "gives a refused message a number": {
    caught: REFUSED,
    connection: withSend(async (batch, send, ledger) => {
      const receipt = await send(batch);
      if (receipt.outcomes.some((outcome) => outcome?.retry === "never"))
        for (const [key, next] of ledger.next) ledger.next.set(key, next + 1);
      return receipt;
    }),
  },
  "never says what is wrong with a message": {
    caught: "a message that is too large is refused for good, alone",
    connection: withSend(async (batch, send) => {
      const { outcomes, position } = await send(batch);
      const vague = new SidestreamError("SST_BATCH_REFUSED", "?");
      return { outcomes: outcomes.map((outcome) => (outcome?.retry === "never" ? vague : outcome)), position };
    }),
  },
  "forgets its memory with the connection": { caught: AGAIN, driver: (driver) => withMemory(driver, forgetful) },
  "sends before its memory is on disk": {
    caught: "nothing is sent before the memory keeps what lanes and numbers follow from",
    driver: (driver) => withMemory(driver, hasty),
  },
  "keeps in its memory what JSON can't hold": {
    caught: "a connection is ended once and again",
    driver: (driver) => ({
      ...driver,
      async open(options, context) {
        await context.memory?.set("since", new Date());
        return driver.open(options, context);
      },
    }),
  },
  "gives up a message that has no lane now": {
    caught: "while the destination is stopped a send is answered with failures that may pass, and nothing is lost over it",
    connection: (connection, ledger) => ({
      lane: async (message) => {
        if (!ledger.isRunning) throw new SidestreamError("SST_TOPIC_INVALID", "no such topic");
        return connection.lane(message);
      },
    }),
  },
  "has other lanes over each connection": {
    caught: SAME_LANE,
    driver: (driver) => ({
      ...driver,
      async open(options, context) {
        const connection = await driver.open(options, context);
        const number = (openCount += 1);
        return { ...connection, lane: async (message) => `${await connection.lane(message)}/${number}` };
      },
    }),
  },
  "has other lanes as it goes on": {
    caught: SAME_LANE,
    connection: (connection) => ({ lane: async (message) => `${await connection.lane(message)}/${(laneCount += 1) > 50}` }),
  },
  "spreads a key over lanes": {
    caught: "the messages of one topic and key have one lane, those of two topics have two",
    connection: (connection) => ({ lane: async (message) => `${await connection.lane(message)}/${message.sequence % 3}` }),
  },
  "mixes its lanes": {
    caught: "lanes that are sent in parallel neither mix nor share numbers",
    connection: withSend(async (batch, send) => send({ ...batch, lane: "the one" })),
  },
  "says that nothing arrived": {
    caught: AGAIN,
    connection: () => ({ recover: async () => ({ number: 0, position: null }) }),
  },
  "knows nothing of what arrived": {
    caught: ABORT,
    connection: () => ({ recover: async () => ({ number: null, position: null }) }),
  },
  "says that more arrived than did": {
    caught: ABORT,
    connection: (connection) => ({
      recover: async (lane, last) => {
        const { number } = await connection.recover(lane, last, never);
        return { number: number === null ? null : number + 1, position: null };
      },
    }),
  },
  "says no more than the cursor does": {
    caught: "a cursor from before a lane was numbered anew loses and doubles nothing, and nothing was sent since",
    connection: (connection) => ({
      recover: async (lane, last) => {
        const { number, position } = await connection.recover(lane, last, never);
        return { number: number === null ? null : Math.min(number, last.number), position };
      },
    }),
  },
  "takes an older copy's word for what arrived": {
    caught: "a copy of the data folder from long before a lane was numbered anew is put back: what is answered as sent has arrived",
    connection: () => ({ recover: async (_lane, last) => last }),
  },
  "does not keep in its memory that a lane is numbered anew": {
    caught: "a copy of the data folder from just before a lane was numbered anew is put back: what is answered as sent has arrived",
    connection: () => ({ renumber: async () => {} }),
  },
  "does not begin its numbers anew": {
    caught: "a lane whose numbers begin anew higher up goes on",
    connection: () => ({ renumber: async () => {} }),
  },
  "hangs when it is told to stop": {
    caught: "when the destination stands still with messages in flight, a send that is aborted settles, and none is lost nor doubled",
    connection: (connection) => ({ send: async (batch) => connection.send(batch, never) }),
  },
  "gives up over a password": {
    caught: "a login that is refused is told as such",
    driver: (driver) => ({
      ...driver,
      open: async (options, context) =>
        driver.open(options, context).catch((cause: unknown) => {
          throw new SidestreamError("SST_DESTINATION_REFUSED", "no", { cause });
        }),
    }),
  },
  "keeps something of each opening": {
    caught: "while the destination stands still, memory stays within a bound however often is tried",
    driver: (driver) => ({
      ...driver,
      async open(options, context) {
        keptForever.push(Buffer.alloc(1024 * 1024));
        return driver.open(options, context);
      },
    }),
  },
  "is plain against its promise": {
    caught: "a connection is a numbered one just when the driver promises to refuse what it has already",
    driver: (driver) => ({
      ...driver,
      async open(options, context) {
        const { send, check } = await driver.open(options, context);
        return { send, check, async [Symbol.asyncDispose]() {} } as never;
      },
    }),
  },
};

for (const [what, { caught, driver, connection }] of Object.entries(faults)) {
  test(`the contract catches a numbered driver that ${what}`, async () => {
    const ledger = new Ledger();
    let broken: Driver = ledgerDriver(ledger);
    if (driver !== undefined) broken = driver(broken, ledger);
    if (connection !== undefined) {
      const { open } = broken;
      broken = {
        ...broken,
        async open(options, context) {
          const opened = await open(options, context);
          return { ...opened, ...connection(opened, ledger) };
        },
      };
    }
    const found = destinationCases(broken, ledger.harness).find(({ name }) => name === caught);
    assert(found !== undefined, `there is no test "${caught}"`);
    await assert.rejects(found.run(), `"${caught}" passed`);
  });
}
