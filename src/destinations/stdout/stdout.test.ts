import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { destinationContract } from "../../driver/contract/destination-contract.ts";
import type { OutgoingMessage, SendOutcome } from "../../driver/destination.ts";
import { Output } from "./output.ts";
import { connectOutput, stdout, stdoutOptions } from "./stdout.ts";

const never = new AbortController().signal;
let contractFolder = "";
let contractOutput = new Output(-1);
let contractDescriptor = -1;

destinationContract(
  { ...stdout, open: async (options) => connectOutput(options, contractOutput) },
  {
    async options() {
      contractFolder = mkdtempSync(join(tmpdir(), "sidestream-stdout-"));
      contractDescriptor = openSync(join(contractFolder, "output"), "a");
      contractOutput = new Output(contractDescriptor);
      return {};
    },
    async received() {
      const lines = readFileSync(join(contractFolder, "output"), "utf8").split("\n").slice(0, -1);
      return lines.map((line) => ({ topic: null, key: null, headers: null, value: Buffer.from(line) }));
    },
    async cleanup() {
      closeSync(contractDescriptor);
      rmSync(contractFolder, { recursive: true });
    },
    refused: { value: Buffer.from('{\n"number": 1 }') },
    backlogCount: 100_000,
  },
);

function messages(...values: readonly string[]): OutgoingMessage[] {
  return values.map((value, index) => ({ topic: "a", key: "key", headers: [], value: Buffer.from(value), sequence: index + 1 }));
}

/** A pipe in this process. The reader is read by hand, so that it can be as slow as a test wants. */
function pipe(context: TestContext): { readonly output: Output; readonly read: () => string; readonly closeReader: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "sidestream-pipe-"));
  const path = join(folder, "pipe");
  execFileSync("mkfifo", [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  let readerOpen = true;
  const closeReader = (): void => {
    if (readerOpen) closeSync(reader);
    readerOpen = false;
  };
  context.after(() => {
    closeReader();
    closeSync(writer);
    rmSync(folder, { recursive: true });
  });
  const chunk = Buffer.alloc(1024 * 1024);
  const read = (): string => {
    try {
      return chunk.toString("utf8", 0, readSync(reader, chunk));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") return "";
      throw error;
    }
  };
  return { output: new Output(writer), read, closeReader };
}

test("a batch larger than the pipe waits for its reader, and arrives whole", async (context) => {
  const { output, read } = pipe(context);
  const connection = connectOutput({ pretty: false }, output);
  const batch = messages(...Array.from({ length: 500 }, (_, index) => `${index}${"x".repeat(2000)}`));
  const sending = connection.send(batch, never);
  let text = "";
  for (let outcomes: readonly SendOutcome[] | null = null; outcomes === null; text += read()) {
    outcomes = await Promise.race([sending, new Promise<null>((resolve) => setImmediate(() => resolve(null)))]);
    assert(outcomes?.every((outcome) => outcome === null) ?? true);
  }
  assert.deepEqual(text.split("\n"), [...batch.map(({ value }) => value.toString()), ""]);
});

test("a CloudEvent in binary form is written as one JSON text, so that nothing of it is lost", async (context) => {
  const { output, read } = pipe(context);
  const headers = [
    ["ce_specversion", "1.0"],
    ["ce_id", "1"],
    ["content-type", "application/json"],
  ] as const;
  for (const pretty of [false, true]) {
    const [message] = messages('{"n":1}');
    assert(message !== undefined);
    assert.deepEqual(await connectOutput({ pretty }, output).send([{ ...message, headers }], never), [null]);
    assert.deepEqual(JSON.parse(read()), { specversion: "1.0", id: "1", datacontenttype: "application/json", data: { n: 1 } });
  }
});

test("told to stop while nobody reads, it answers for each message, and ends the torn line before the next", async (context) => {
  const { output, read } = pipe(context);
  const controller = new AbortController();
  const batch = messages(...Array.from({ length: 100 }, (_, index) => `${index}${"x".repeat(1000)}`));
  const sending = connectOutput({ pretty: false }, output).send(batch, controller.signal);
  setImmediate(() => controller.abort());
  const outcomes = await sending;
  const taken = outcomes.findIndex((outcome) => outcome !== null);
  assert(taken > 0, "some messages fit into the pipe");
  assert(outcomes.slice(taken).every((outcome) => outcome?.code === "SST_DESTINATION_UNSURE"));

  const first = read();
  assert(!first.endsWith("\n"), "the pipe was full in the midst of a line");
  const again = connectOutput({ pretty: false }, output);
  assert.deepEqual(await again.send(batch.slice(taken, taken + 2), never), [null, null]);
  const lines = (first + read()).split("\n");
  const values = batch.map(({ value }) => value.toString());
  assert.deepEqual(lines.slice(0, taken), values.slice(0, taken));
  assert.deepEqual(lines.slice(taken + 1), [...values.slice(taken, taken + 2), ""]);
});

test("a send that was aborted before it began writes nothing", async (context) => {
  const { output, read } = pipe(context);
  const outcomes = await connectOutput({ pretty: false }, output).send(messages("1", "2"), AbortSignal.abort());
  assert.deepEqual(
    outcomes.map((outcome) => outcome?.code),
    ["SST_DESTINATION_UNSURE", "SST_DESTINATION_UNSURE"],
  );
  assert.equal(read(), "");
});

test("a reader that went away makes the destination unreachable", async (context) => {
  const { output, closeReader } = pipe(context);
  closeReader();
  const outcomes = await connectOutput({ pretty: false }, output).send(messages("1", "2"), never);
  assert.deepEqual(
    outcomes.map((outcome) => outcome?.code),
    ["SST_DESTINATION_UNREACHABLE", "SST_DESTINATION_UNREACHABLE"],
  );
});

test("a disk that is full under a redirected output is told as such", async () => {
  const descriptor = openSync("/dev/full", "w");
  const outcomes = await connectOutput({ pretty: false }, new Output(descriptor)).send(messages("1"), never);
  closeSync(descriptor);
  assert.deepEqual(
    outcomes.map((outcome) => [outcome?.code, outcome?.retry]),
    [["SST_DESTINATION_DISK", "later"]],
  );
});

test("pretty output indents JSON and leaves anything else as it is", async (context) => {
  const { output, read } = pipe(context);
  const connection = connectOutput(stdoutOptions.parse({ pretty: true }), output);
  assert.deepEqual(await connection.send(messages('{"a":[1]}', "no JSON", "two\nlines"), never), [null, null, null]);
  assert.equal(read(), '{\n  "a": [\n    1\n  ]\n}\nno JSON\ntwo\nlines\n');
});

test("an empty message is refused, and so is one with a line break unless the output is pretty", async (context) => {
  const { output, read } = pipe(context);
  const outcomes = await connectOutput({ pretty: false }, output).send(messages("", "1", "two\nlines"), never);
  assert.deepEqual(
    outcomes.map((outcome) => outcome?.code ?? null),
    ["SST_DESTINATION_REFUSED", null, "SST_DESTINATION_REFUSED"],
  );
  assert.equal(read(), "1\n");
});

function writer(context: TestContext, batchCount: number): ChildProcessByStdio<Writable, Readable, Readable> {
  const child = spawn(process.execPath, [fileURLToPath(new URL("testing/writer.ts", import.meta.url)), String(batchCount)], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  context.after(() => child.kill("SIGKILL"));
  return child;
}

test("from a worker thread, everything that was taken has reached the reader when the process ends", async (context) => {
  const child = writer(context, 100);
  const taken: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => taken.push(line));
  const closed = once(child, "close");
  const numbers: number[] = [];
  for await (const line of createInterface({ input: child.stdout })) numbers.push((JSON.parse(line) as { number: number }).number);
  assert.deepEqual(await closed, [0, null]);
  assert.deepEqual(taken, new Array(100).fill("taken"));
  assert.deepEqual(
    numbers,
    Array.from({ length: 1000 }, (_, index) => index),
  );
});

test("from a worker thread, a full pipe neither takes more nor holds up the end of the process", async (context) => {
  const child = writer(context, 100);
  const lines = createInterface({ input: child.stderr });
  let takenCount = 0;
  lines.on("line", () => (takenCount += 1));
  // Node reads some of the child's output ahead, whether or not anyone asks: a pipe's worth or two.
  await once(lines, "line");
  const closed = once(child, "exit");
  child.stdin.write("end\n");
  assert.deepEqual(await closed, [3, null]);
  assert(takenCount < 100, `${takenCount} batches were taken with nobody reading`);
});

test("from a worker thread, a reader that goes away is told", async (context) => {
  const child = writer(context, 1_000);
  const lines = createInterface({ input: child.stderr })[Symbol.asyncIterator]();
  assert.equal((await lines.next()).value, "taken");
  child.stdout.destroy();
  let last = "taken";
  while (last === "taken") last = String((await lines.next()).value);
  assert.equal(last, "SST_DESTINATION_UNREACHABLE");
});
