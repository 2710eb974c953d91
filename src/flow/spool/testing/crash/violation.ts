/** A promise of the spool that was found broken. */
export class Violation extends Error {
  override readonly name = "Violation";
}

/** @throws Violation unless it holds. The text is made only then. */
export function must(holds: boolean, text: () => string): void {
  if (!holds) throw new Violation(text());
}
