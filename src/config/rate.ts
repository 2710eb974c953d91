/** Messages per second, as people write them. */
import { z } from "zod";

const RATE_EXPECTED = "expected messages per second, such as 5000 or 5000/s";
const RATE = /^(\d{1,9})\/s$/;
/** Beyond what any destination takes over one connection. */
const RATE_MAX = 10_000_000;

/** As a number or as `5000/s`. */
export const rate = z
  .union([z.int(), z.string().regex(RATE, { error: RATE_EXPECTED })], { error: RATE_EXPECTED })
  .transform((value, context) => {
    const perSecond = typeof value === "number" ? value : Number(RATE.exec(value)?.[1]);
    if (perSecond >= 1 && perSecond <= RATE_MAX) return perSecond;
    context.addIssue({ code: "custom", message: `expected 1/s to ${RATE_MAX}/s` });
    return z.NEVER;
  });
