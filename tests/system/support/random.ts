/** A seeded generator (mulberry32), so that a run that failed can be repeated: SEED=n npm test. */
export function seeded(): { readonly seed: number; readonly next: () => number } {
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  return { seed, next: generator(seed) };
}

/** Numbers from 0 up to 1, the same for the same seed. */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
