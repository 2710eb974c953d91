/** Goals, and whether a run met them. */

export interface Goal {
  readonly text: string;
  readonly found: number;
  readonly bound: number;
  readonly met: boolean;
}

export function atLeast(text: string, found: number, bound: number): Goal {
  return { text: `${text}: at least ${bound}`, found, bound, met: found >= bound };
}

export function atMost(text: string, found: number, bound: number): Goal {
  return { text: `${text}: at most ${bound.toFixed(2)}`, found, bound, met: found <= bound };
}

/** A list in Markdown. */
export function goalList(goals: readonly Goal[]): string {
  return goals.map(({ text, found, met }) => `- ${text}; found ${found.toFixed(2)}, ${met ? "met" : "**missed**"}\n`).join("");
}
