import { z } from "zod";
import { defineDestination, SidestreamError, type OutgoingMessage, type SendOutcome } from "../index.ts";

/** Posts each message to an HTTP service: the topic in the path, the message as the body. */
export const post = defineDestination({
  type: "post",
  summary: "Posts messages to an HTTP service",
  options: z.strictObject({
    url: z.url().describe("Address of the service; the topic is added to its path."),
  }),
  promises: { ordered: true, deduplicates: false, lanes: 4 },

  async open({ url }, { name }) {
    async function check(signal: AbortSignal): Promise<void> {
      try {
        await fetch(url, { method: "HEAD", redirect: "error", signal });
      } catch (cause) {
        throw new SidestreamError("SST_DESTINATION_UNREACHABLE", `${name}: ${url} does not answer`, { cause });
      }
    }

    async function sendOne(message: OutgoingMessage, signal: AbortSignal): Promise<SendOutcome> {
      let status: number;
      try {
        const response = await fetch(`${url}/${encodeURIComponent(message.topic)}`, {
          method: "POST",
          redirect: "error",
          signal,
          body: new Uint8Array(message.value),
          headers: {
            "content-type": "application/json",
            "sidestream-key": encodeURIComponent(message.key),
            "sidestream-headers": encodeURIComponent(JSON.stringify(message.headers)),
          },
        });
        await response.arrayBuffer();
        status = response.status;
      } catch (cause) {
        // Cut off on the way: the service may or may not have the message.
        return new SidestreamError("SST_DESTINATION_UNSURE", `${name}: ${url} did not answer`, { cause });
      }
      if (status < 300) return null;
      const text = `${name}: ${url} answered ${status}`;
      // These say something about the message; everything else may pass.
      if (status === 400 || status === 413 || status === 422) return new SidestreamError("SST_DESTINATION_REFUSED", text);
      return new SidestreamError("SST_DESTINATION_BUSY", text);
    }

    await check(AbortSignal.timeout(10_000));
    return {
      async send(batch, signal) {
        const outcomes: SendOutcome[] = [];
        let failure: SendOutcome = null;
        for (const message of batch) {
          const outcome: SendOutcome = failure ?? (await sendOne(message, signal));
          // After a failure that may pass, the rest of the batch fails too: later messages must not overtake this one.
          if (outcome !== null && outcome.retry !== "never") failure = outcome;
          outcomes.push(outcome);
        }
        return outcomes;
      },
      check,
      async [Symbol.asyncDispose]() {},
    };
  },
});
