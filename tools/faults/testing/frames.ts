/** Frames of Kafka's protocol with any bytes for a body. */

export function requestFrame(apiKey: number, correlationId: number, bodyBytes: number): Buffer {
  const frame = Buffer.alloc(12 + bodyBytes, 0xab);
  frame.writeInt32BE(8 + bodyBytes, 0);
  frame.writeInt16BE(apiKey, 4);
  frame.writeInt16BE(0, 6);
  frame.writeInt32BE(correlationId, 8);
  return frame;
}

export function answerFrame(correlationId: number, bodyBytes: number): Buffer {
  const frame = Buffer.alloc(8 + bodyBytes, 0xcd);
  frame.writeInt32BE(4 + bodyBytes, 0);
  frame.writeInt32BE(correlationId, 4);
  return frame;
}
