/**
 * Commands reach the running program by a Unix socket in its data folder: one line of JSON asks, one line answers.
 *
 * Promise: only the user who runs the program can reach it (mode 0600), no configuration passes over it, and a client
 * that takes too long over its question or its answer is cut off, also when the program ends.
 */
import { chmod, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { join, relative, resolve } from "node:path";
import { ERRORS, isSidestreamError, SidestreamError, type ErrorCode } from "../errors.ts";

export const SOCKET_FILE = "control.sock";
/** The kernel's bound on the path of a Unix socket, less its final zero. */
const SOCKET_PATH_BYTES_MAX = 107;
/** Takes every right from group and others. */
const OTHERS_MASK = 0o077;
const REQUEST_BYTES_MAX = 64 * 1024;
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
const CONNECTIONS_MAX = 16;
const WAIT_MS_MAX = 10_000;
/** Time for the slowest command; who asks may give up earlier. */
const ANSWER_MS_MAX = 120_000;

export type ControlHandler = (command: string, payload: unknown) => Promise<unknown>;

export interface ControlListener {
  /** Ends listening and cuts open connections. */
  close(): Promise<void>;
}

type Answer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: string | null; readonly message: string };

/** The socket's path, the shorter of absolute and relative. @throws `SST_LISTEN_FAILED` when neither fits the kernel. */
export function controlSocketPath(dataFolder: string): string {
  const absolute = resolve(dataFolder, SOCKET_FILE);
  const short = [relative(process.cwd(), absolute), absolute].find((path) => Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX);
  if (short !== undefined) return short;
  throw new SidestreamError(
    "SST_LISTEN_FAILED",
    `${join(dataFolder, SOCKET_FILE)} is longer than the ${SOCKET_PATH_BYTES_MAX} bytes a socket's path may have`,
  );
}

/**
 * Listens for commands. The data folder must be locked by this process: a socket left by a dead one is replaced.
 *
 * @throws SidestreamError `SST_LISTEN_FAILED`.
 */
export async function openControlSocket(dataFolder: string, handler: ControlHandler): Promise<ControlListener> {
  const path = controlSocketPath(dataFolder);
  await rm(path, { force: true });
  const sockets = new Set<Socket>();
  // The client ends its side with the request; ours stays open until the answer, which takes a while, is out.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    serve(socket, handler);
  });
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((done, fail) => {
    server.once("error", (cause) =>
      fail(new SidestreamError("SST_LISTEN_FAILED", `could not listen on ${path}: ${cause.message}`, { cause })),
    );
    // The file is made within the call, and nobody else may reach it at any moment. The mask is the whole process's, so
    // it keeps the owner's bits: a folder that another thread makes meanwhile stays one that can be entered.
    const mask = process.umask(OTHERS_MASK);
    try {
      server.listen(path, () => done());
    } finally {
      process.umask(mask);
    }
  });
  await chmod(path, 0o600);
  return {
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/**
 * Asks the program that runs on a data folder.
 *
 * @param waitMsMax - Milliseconds for the answer.
 * @throws SidestreamError `SST_STATUS_UNREACHABLE` when none answers; else what the program answered.
 */
export function askControlSocket(dataFolder: string, command: string, payload: unknown, waitMsMax = WAIT_MS_MAX): Promise<unknown> {
  return new Promise((done, fail) => {
    const unreachable = (why: string, cause?: unknown) =>
      fail(new SidestreamError("SST_STATUS_UNREACHABLE", `no running sidestream answers in ${dataFolder}: ${why}`, { cause }));
    const socket = connect(controlSocketPath(dataFolder));
    socket.setTimeout(waitMsMax, () => socket.destroy(new Error(`no answer in ${waitMsMax} ms`)));
    socket.once("error", (cause) => unreachable((cause as NodeJS.ErrnoException).code ?? cause.message, cause));
    socket.end(JSON.stringify({ command, payload }) + "\n");
    readLine(socket, ANSWER_BYTES_MAX, (line) => {
      if (line === null) return unreachable("it closed the connection");
      const answer = parsed(line);
      if (answer === null) return unreachable("its answer can't be read");
      if (answer.ok) done(answer.value);
      else fail(answerError(answer));
    });
  });
}

/** With its code, so that the command ends as it would have in the running program. */
function answerError({ code, message }: Extract<Answer, { readonly ok: false }>): Error {
  return code !== null && code in ERRORS ? new SidestreamError(code as ErrorCode, message) : new Error(message);
}

function parsed(line: string): Answer | null {
  try {
    return JSON.parse(line) as Answer;
  } catch {
    return null;
  }
}

function serve(socket: Socket, handler: ControlHandler): void {
  // Over all, not between two bytes: a client that sends one now and then must not stay.
  let cut = setTimeout(() => socket.destroy(), WAIT_MS_MAX);
  socket.once("close", () => clearTimeout(cut));
  socket.on("error", () => socket.destroy());
  readLine(socket, REQUEST_BYTES_MAX, (line) => {
    if (line === null) {
      socket.destroy();
      return;
    }
    clearTimeout(cut);
    cut = setTimeout(() => socket.destroy(), ANSWER_MS_MAX);
    void answer(line, handler).then((result) => socket.end(JSON.stringify(result) + "\n"));
  });
}

async function answer(line: string, handler: ControlHandler): Promise<Answer> {
  try {
    const { command, payload } = JSON.parse(line) as { readonly command: unknown; readonly payload: unknown };
    if (typeof command !== "string") return { ok: false, code: null, message: "a command is a text" };
    return { ok: true, value: await handler(command, payload) };
  } catch (error) {
    return {
      ok: false,
      code: isSidestreamError(error) ? error.code : null,
      message: error instanceof Error ? error.message : String(error),
    };
  }
}

/** Gives the first line, or null when the other side ended before it was whole or it is too long; what follows is let go. */
function readLine(socket: Socket, bytesMax: number, take: (line: string | null) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let taken = false;
  const once = (line: string | null) => {
    if (taken) return;
    taken = true;
    socket.off("data", read);
    chunks.length = 0;
    take(line);
  };
  const read = (chunk: Buffer) => {
    bytes += chunk.length;
    chunks.push(chunk);
    if (bytes > bytesMax) return once(null);
    if (!chunk.includes(10)) return;
    const text = Buffer.concat(chunks).toString("utf8");
    once(text.slice(0, text.indexOf("\n")));
  };
  socket.on("data", read);
  socket.on("end", () => once(null));
  socket.on("close", () => once(null));
}
