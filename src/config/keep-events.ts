/** How long events themselves are kept, whatever rules say: `1h`, or keys with values. */
import { z } from "zod";
import { duration, size } from "../driver/quantity.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const TIB = 2 ** 40;
const DAY_MS = 86_400_000;

const keepEventsFor = () => duration(60_000, 30 * DAY_MS);

export const keepEvents = z
  .union(
    [
      z.strictObject({
        keep: keepEventsFor().prefault("1h").describe("Age at which events are removed, at most a twelfth later."),
        bytesMax: size(16 * MIB, 64 * TIB)
          .prefault("1GiB")
          .describe("Disk that they may take beside the logs; the oldest go first."),
      }),
      keepEventsFor().transform((keep) => ({ keep, bytesMax: GIB })),
    ],
    { error: "expected a duration such as 1h, or keys with values such as { keep: 1h, bytesMax: 1GiB }" },
  )
  .nullable()
  .prefault(null)
  .describe(
    "Keeps every event for a while, redacted, whether a rule wants it or not, for `sidestream diff` and `explain`: for how long, such as `1h`, or keys with values; `null`: none is kept.",
  );
