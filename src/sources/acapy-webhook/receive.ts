/**
 * One webhook post, from its head to its answer.
 *
 * Promise: 200 only after the event's messages are on disk; every request is answered within the deadline; what was
 * answered otherwise, the agent sends again, and what was stored of it all the same isn't stored twice.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AgentRecord, CapturePort, Settlement } from "../../driver/source.ts";
import { drainUpload, sendAnswer } from "../../driver/http-answer.ts";
import type { Answer } from "../../driver/http-answer.ts";
import { GatheredBody } from "./gathered-body.ts";
import type { WebhookOptions } from "./options.ts";
import type { Repeats } from "./repeats.ts";
import type { WebhookKeys } from "./webhook-keys.ts";
import { eventId, isAnswer, isJson, readHead } from "./webhook-request.ts";
import type { WebhookHead } from "./webhook-request.ts";

/** Lengths, the id and the time beside topic, wallet and payload. */
const FRAME_BYTES = 1024;
/** Time to wait for room; the rest of the deadline is for the disk. */
const ROOM_WAIT_MS = 5_000;

const NO_ROOM: Answer = { status: 503, code: "SST_CAPTURE_NO_ROOM", message: "there is no room for all of this event now; send it again" };
const TOO_LATE: Answer = { status: 503, code: "SST_ENGINE_LOST", message: "the event was not stored in time; send it again" };
const NOT_JSON: Answer = { status: 400, code: "SST_REQUEST_INVALID", message: "the body is not JSON in UTF-8; nothing was stored" };

export interface Receiver {
  readonly port: CapturePort;
  readonly options: WebhookOptions;
  readonly keys: WebhookKeys;
  readonly repeats: Repeats;
  /** Posts that were answered for an event that was stored before. */
  repeatCount: number;
}

/** One post and what became of its event. */
interface Attempt {
  readonly request: IncomingMessage;
  readonly deadline: AbortSignal;
  id: string;
  /** How the event's way to the disk ends; null: it wasn't handed in. */
  stored: Promise<Settlement> | null;
  /** It was handed in by an earlier post. */
  isRepeat: boolean;
}

/** Handles one post. @returns The status it was answered; 0 when the client went away. Never rejects. */
export async function receive(receiver: Receiver, request: IncomingMessage, response: ServerResponse): Promise<number> {
  const { options, repeats } = receiver;
  drainUpload(response);
  request.on("error", () => {}); // The body's end tells of it.
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), options.deadlineMs);
  const { promise: expired, resolve: expire } = Promise.withResolvers<Answer>();
  deadline.signal.addEventListener("abort", () => expire(TOO_LATE), { once: true });
  const attempt: Attempt = { request, deadline: deadline.signal, id: "", stored: null, isRepeat: false };
  try {
    const answer = await Promise.race([store(receiver, attempt), expired]);
    const status = await sent(response, answer);
    // The agent will send it again: what is on disk by then is not stored twice.
    if (status !== 200 && attempt.stored !== null) repeats.add(attempt.id, attempt.stored, performance.now());
    if (status === 200 && attempt.isRepeat) receiver.repeatCount += 1;
    return status;
  } finally {
    clearTimeout(timer);
  }
}

/** @returns The status; 0 when the client went away before the whole answer was on its way. */
async function sent(response: ServerResponse, answer: Answer | null): Promise<number> {
  if (response.destroyed) return 0;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  response.once("finish", () => resolve(true));
  response.once("close", () => resolve(false));
  if (answer === null) {
    response.sendDate = false;
    response.writeHead(200, ["Content-Length", "0"]).end();
  } else sendAnswer(response, answer, false);
  return (await promise) ? response.statusCode : 0;
}

/** @returns Null once the event is on disk; else what to answer. */
async function store(receiver: Receiver, attempt: Attempt): Promise<Answer | null> {
  const startedMs = Date.now();
  const { request } = attempt;
  const head = readHead(request, receiver.keys);
  if (isAnswer(head)) return head;
  const body = new GatheredBody(receiver.port, receiver.options.bodyBytesMax);
  try {
    const failure = await readBody(request, body, receiver.options.bodyBytesMax);
    if (failure !== null) return failure;
    if (!isJson(body.bytes())) return NOT_JSON;
    const record = agentRecord(head, body.bytes(), startedMs);
    attempt.id = record.id;
    return (await wasStored(receiver, attempt)) ? null : await storeEvent(receiver, attempt, record);
  } finally {
    body.release();
  }
}

/** True when this post repeats one whose event got to the disk, though the agent was not told so. */
async function wasStored({ repeats }: Receiver, attempt: Attempt): Promise<boolean> {
  while (!attempt.deadline.aborted) {
    attempt.stored = repeats.take(attempt.id, performance.now());
    if (attempt.stored === null) return false;
    // Until its end is known it is the same event under way: a second copy would be one too many.
    attempt.isRepeat = (await attempt.stored) === "spooled";
    if (attempt.isRepeat) return true;
  }
  return false;
}

async function storeEvent({ port, options }: Receiver, attempt: Attempt, record: AgentRecord): Promise<Answer | null> {
  const { request, deadline } = attempt;
  const roomBytes = record.payload.sizeBytes + Buffer.byteLength(record.topic) + (record.wallet?.length ?? 0) + FRAME_BYTES;
  const reservation = await port.reserve(roomBytes, Math.min(ROOM_WAIT_MS, options.deadlineMs));
  if (reservation === null) return NO_ROOM;
  if (deadline.aborted || request.socket.destroyed) {
    reservation.release();
    return TOO_LATE;
  }
  attempt.stored = port.submitDurable(record, reservation).catch(() => "lost" as const);
  const settlement = await attempt.stored;
  if (settlement === "spooled") return null;
  return settlement === "refused" ? NO_ROOM : TOO_LATE;
}

function agentRecord(head: WebhookHead, body: Buffer, startedMs: number): AgentRecord {
  return {
    kind: "agent",
    route: 0,
    startedMs,
    id: eventId(head, body),
    topic: head.topic,
    wallet: head.wallet,
    payload: { slices: [body], sizeBytes: body.length, truncated: false },
  };
}

/** Reads the whole body. @returns What to answer when it can't be had. */
async function readBody(request: IncomingMessage, body: GatheredBody, bytesMax: number): Promise<Answer | null> {
  const tooLarge: Answer = {
    status: 413,
    code: "SST_REQUEST_TOO_LARGE",
    message: `the event is larger than bodyBytesMax (${bytesMax} bytes)`,
  };
  if (Number(request.headers["content-length"] ?? 0) > bytesMax) return tooLarge;
  const { promise, resolve } = Promise.withResolvers<Answer | null>();
  const take = (chunk: Buffer): void => {
    const failure = body.add(chunk);
    if (failure === null) return;
    request.off("data", take);
    resolve(failure === "too-large" ? tooLarge : NO_ROOM);
  };
  request.on("data", take);
  request.once("end", () => resolve(null));
  request.once("close", () => resolve(TOO_LATE));
  return promise;
}
