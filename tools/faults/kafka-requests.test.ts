import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { API, KafkaRequests, type KafkaRequest } from "./kafka-requests.ts";
import { answerFrame, requestFrame } from "./testing/frames.ts";

/** Cut into pieces of these lengths, again and again. */
function pieces(bytes: Buffer, lengths: readonly number[]): readonly Buffer[] {
  const cut: Buffer[] = [];
  for (let at = 0, next = 0; at < bytes.length; next++) {
    const length = lengths[next % lengths.length] ?? 1;
    cut.push(bytes.subarray(at, at + length));
    at += length;
  }
  return cut;
}

test("each request is told once in each state, however its bytes are cut", () => {
  const request = fc.record({ apiKey: fc.constantFrom(...Object.values(API)), body: fc.nat({ max: 40 }), answer: fc.nat({ max: 40 }) });
  const lengths = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 });
  fc.assert(
    fc.property(fc.array(request, { minLength: 1, maxLength: 6 }), lengths, (requests, lengths) => {
      const told: KafkaRequest[] = [];
      const watched = new KafkaRequests((each) => told.push(each));
      const asked = Buffer.concat(requests.map(({ apiKey, body }, id) => requestFrame(apiKey, id, body)));
      const answered = Buffer.concat(requests.map(({ answer }, id) => answerFrame(id, answer)));
      for (const piece of pieces(asked, lengths)) {
        watched.arrived(piece);
        watched.forwarded(piece);
      }
      for (const piece of pieces(answered, lengths)) {
        watched.answering(piece);
        watched.answered(piece);
      }
      const expected = (state: KafkaRequest["state"]) =>
        requests.map(({ apiKey, body }, correlationId) => ({ state, apiKey, correlationId, bytes: 12 + body }));
      for (const state of ["arrived", "forwarded", "answering", "answered"] as const) {
        deepEqual(
          told.filter((each) => each.state === state),
          expected(state),
        );
      }
    }),
  );
});

test("bytes of another protocol are told as nothing, and do no harm", () => {
  const told: KafkaRequest[] = [];
  const watched = new KafkaRequests((each) => told.push(each));
  const tls = Buffer.from("16030100f8010000f40303aabbccddeeff", "hex");
  for (let again = 0; again < 3; again++) {
    watched.arrived(Buffer.alloc(64, 0xff));
    watched.forwarded(Buffer.alloc(64, 0xff));
    watched.answering(tls);
    watched.answered(tls);
  }
  deepEqual(told, []);
});

test("an answer to nothing that was asked is passed over", () => {
  const told: KafkaRequest[] = [];
  const watched = new KafkaRequests((each) => told.push(each));
  watched.answering(answerFrame(7, 3));
  watched.answered(answerFrame(7, 3));
  deepEqual(told, []);
});
