/** The shadow rules that hold, found by looking at each. */
import { isShadow, type StreamSettings } from "../../settings.ts";
import { evaluate } from "../evaluate.ts";
import type { Attributes } from "../rule.ts";
import { isOpenTo } from "../select.ts";
import type { StreamRule } from "../stream-index.ts";

export function holdingIn(streams: readonly StreamSettings[], attributes: Attributes, tenant: string): readonly StreamRule[] {
  return streams
    .filter((stream) => isOpenTo(stream, tenant))
    .flatMap((stream) =>
      stream.rules.filter((rule) => isShadow(rule) && evaluate(rule.criteria, attributes) === true).map((rule) => ({ stream, rule })),
    );
}
