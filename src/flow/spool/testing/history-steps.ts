/** The steps of a random history of a destination's log, and what is known of a message in it. */
import fc from "fast-check";

/** What became of a message, as far as its source was told. */
export type Fate = "waiting" | "kept" | "refused" | "unsure";

export interface Sent {
  readonly id: string;
  readonly topic: string;
  readonly tenant: string;
  fate: Fate;
  /** Confirmed, and the cursor that says so is on disk. */
  done: "no" | "unsure" | "yes";
  number: number | null;
}

export const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      topic: fc.integer({ min: 0, max: 2 }),
      tenant: fc.integer({ min: 0, max: 1 }),
      large: fc.boolean(),
      acknowledging: fc.boolean(),
    }),
  },
  { weight: 5, arbitrary: fc.constant({ kind: "flush" as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("confirm" as const), count: fc.integer({ min: 1, max: 6 }), pick: fc.nat(1000) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("set" as const),
      name: fc.integer({ min: 0, max: 3 }),
      bytes: fc.option(fc.constantFrom(0, 10, 60_000)),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("skip" as const), pick: fc.nat(1000) }) },
  { weight: 1, arbitrary: fc.constant({ kind: "reopen" as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("crash" as const), power: fc.boolean(), after: fc.nat(18) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("full" as const), share: fc.constantFrom(0, 0.3, 0.6, 0.95) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("syncFails" as const), power: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("syncFailsOnce" as const),
      behind: fc.nat(2),
      large: fc.boolean(),
      ending: fc.constantFrom("none" as const, "kill" as const, "power" as const),
    }),
  },
);
export type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;
