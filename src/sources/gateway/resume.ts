/** Going on with a message that was held up because its reader was slow. */
import type { IncomingMessage } from "node:http";

/** Lets the bytes come again, and gives their sender the whole of its idle time from now: it was not what was waited for. */
export function resumeAfterWait(message: IncomingMessage): void {
  const { socket } = message;
  socket.setTimeout(socket.timeout ?? 0);
  message.resume();
}
