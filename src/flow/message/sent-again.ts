/**
 * The protocol headers by which readers tell a message that is sent once more: it comes behind later ones of its key.
 *
 * They are all that is added to it; value, key and its other headers were finished before.
 */
type Headers = readonly (readonly [string, string])[];

/** A dead letter that was sent after all. Its value: how many times it was redriven. */
export const REDRIVE_HEADER = "sidestream-redrive";
/** A message that was delivered before, from the archive. Its value: the replay's id. */
export const REPLAY_HEADER = "sidestream-replay";

export function redrivenHeaders(headers: Headers): Headers {
  const before = headers.find(([name]) => name === REDRIVE_HEADER)?.[1] ?? "0";
  return [...headers.filter(([name]) => name !== REDRIVE_HEADER), [REDRIVE_HEADER, String(Number(before) + 1)]];
}
