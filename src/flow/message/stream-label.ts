/**
 * What a message's stream is called in the books of a log. A message that came back from the dead letters is counted
 * under a label of its own, so that the books can tell it from one that was accepted anew. A stream's id has no slash.
 */

const REDRIVEN = "redrive/";
const REPLAYED = "replay/";

/** Of a dead letter that becomes a message again. One that was a dead letter before has it already. */
export function redriveLabel(stream: string): string {
  return isRedriven(stream) ? stream : REDRIVEN + stream;
}

export function isRedriven(label: string): boolean {
  return label.startsWith(REDRIVEN);
}

/** Of a message that was done and is sent once more. It counts apart from those that were accepted. */
export function replayLabel(stream: string): string {
  return REPLAYED + streamOfLabel(stream);
}

export function isReplayed(label: string): boolean {
  return streamOfLabel(label).startsWith(REPLAYED);
}

/** The stream as people know it. */
export function streamOfLabel(label: string): string {
  return isRedriven(label) ? label.slice(REDRIVEN.length) : label;
}
