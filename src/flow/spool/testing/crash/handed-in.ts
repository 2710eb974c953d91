/** Messages as a source makes them that can be read again, such as an agent's journal: by boots, in order. */

/** Of a boot; few, so that a short history has more than one. */
const EVENTS_A_BOOT = 5;
const ID = /^boot(\d+)\/(\d+)$/u;
export const SOURCE = "agents";

/** @param count - Messages that were made before. */
export function nextId(count: number): string {
  return `boot${Math.floor(count / EVENTS_A_BOOT)}/${(count % EVENTS_A_BOOT) + 1}`;
}

/** Where in its boot the event of a message stands. Null: it comes from no such source. */
export function placeOf(id: string): { readonly boot: string; readonly position: number } | null {
  const [, boot, position] = ID.exec(id) ?? [];
  return boot === undefined ? null : { boot, position: Number(position) };
}
