/** What `npm run faults` can be told. */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { LONG_MINUTES, type Nodes } from "./size.ts";
import { DELIVERIES, type Delivery } from "./stage.ts";

export const USAGE = `npm run faults -- [--seed S] [--minutes M] [--nodes 1|3] [--delivery D] [--events N] [--json FILE]

--seed S      the same seed makes the same plan; absent: a random one, which is told
--minutes M   how long faults are made (12 with one broker, 20 with three: the long form)
--nodes N     1 or 3 brokers (1)
--delivery D  ${DELIVERIES.join(" or ")} (${DELIVERIES[0]})
--events N    requests that must be answered (the minutes' part of 250,000)
--json FILE   writes the result there, too
--log FILE    keeps what Sidestream logged
`;

export interface Options {
  readonly seed: number;
  readonly minutes: number;
  readonly nodes: Nodes;
  readonly delivery: Delivery;
  readonly events: number | undefined;
  readonly json: string | undefined;
  readonly log: string | undefined;
}

/** @returns What is wrong, as a text. */
export function optionsOf(parameters: readonly string[]): Options | string {
  const text = { type: "string" } as const;
  const options = { seed: text, minutes: text, nodes: text, delivery: text, events: text, json: text, log: text } as const;
  try {
    const { values } = parseArgs({ args: [...parameters], options });
    const nodes = Number(values.nodes ?? 1);
    if (nodes !== 1 && nodes !== 3) throw new RangeError("--nodes wants 1 or 3");
    const delivery = DELIVERIES.find((each) => each === (values.delivery ?? DELIVERIES[0]));
    if (delivery === undefined) throw new RangeError(`--delivery wants ${DELIVERIES.join(" or ")}`);
    const minutes = Number(values.minutes ?? LONG_MINUTES[nodes]);
    if (!(minutes > 0)) throw new RangeError("--minutes wants a number above 0");
    const [seed, events] = [values.seed, values.events].map((each) => (each === undefined ? undefined : Number(each)));
    if (![seed, events].every((each) => each === undefined || (Number.isSafeInteger(each) && each >= 0)))
      throw new RangeError("--seed and --events want whole numbers");
    return { seed: seed ?? randomInt(1, 1_000_000), minutes, nodes, delivery, events, json: values.json, log: values.log };
  } catch (error) {
    return (error as Error).message;
  }
}
