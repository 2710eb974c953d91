/**
 * One webhook post, from its head to its answer.
 *
 * Promise: 200 only after the event's messages are on disk; every request is answered within the deadline; what was
 * answered otherwise, the agent sends again.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AgentRecord, CapturePort, Settlement } from "../../driver/source.ts";
import { drainUpload, sendAnswer } from "../../driver/http-answer.ts";
import type { Answer } from "../../driver/http-answer.ts";
import { GatheredBody } from "./gathered-body.ts";
import type { WebhookOptions } from "./options.ts";
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
  /** Digest of the key; null when none is asked for. */
  readonly key: Buffer | null;
}

/** Handles one post. @returns The status it was answered; 0 when the client went away. Never rejects. */
export async function receive(receiver: Receiver, request: IncomingMessage, response: ServerResponse): Promise<number> {
  const { options } = receiver;
  drainUpload(response);
  request.on("error", () => {}); // The body's end tells of it.
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), options.deadlineMs);
  const { promise: expired, resolve: expire } = Promise.withResolvers<Answer>();
  deadline.signal.addEventListener("abort", () => expire(TOO_LATE), { once: true });
  try {
    const answer = await Promise.race([store(receiver, request, deadline.signal), expired]);
    if (response.destroyed) return 0;
    if (answer === null) {
      response.sendDate = false;
      response.writeHead(200, ["Content-Length", "0"]).end();
      return 200;
    }
    sendAnswer(response, answer, false);
    return answer.status;
  } finally {
    clearTimeout(timer);
  }
}

/** @returns Null once the event is on disk; else what to answer. */
async function store(receiver: Receiver, request: IncomingMessage, deadline: AbortSignal): Promise<Answer | null> {
  const startedMs = Date.now();
  const head = readHead(request, receiver.key);
  if (isAnswer(head)) return head;
  const body = new GatheredBody(receiver.port, receiver.options.bodyBytesMax);
  try {
    const failure = await readBody(request, body, receiver.options.bodyBytesMax);
    if (failure !== null) return failure;
    if (!isJson(body.bytes())) return NOT_JSON;
    return await storeEvent(receiver, request, agentRecord(head, body.bytes(), startedMs), deadline);
  } finally {
    body.release();
  }
}

async function storeEvent(
  { port, options }: Receiver,
  request: IncomingMessage,
  record: AgentRecord,
  deadline: AbortSignal,
): Promise<Answer | null> {
  const roomBytes = record.payload.sizeBytes + Buffer.byteLength(record.topic) + (record.wallet?.length ?? 0) + FRAME_BYTES;
  const reservation = await port.reserve(roomBytes, Math.min(ROOM_WAIT_MS, options.deadlineMs));
  if (reservation === null) return NO_ROOM;
  if (deadline.aborted || request.socket.destroyed) {
    reservation.release();
    return TOO_LATE;
  }
  let settlement: Settlement;
  try {
    settlement = await port.submitDurable(record, reservation);
  } catch {
    settlement = "lost";
  }
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
