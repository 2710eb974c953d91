/**
 * What a message's stream is called in the books of a log. A message that came back from the dead letters is counted
 * under a label of its own, so that the books can tell it from one that was accepted anew. A stream's id has no slash.
 */

const REDRIVEN = "redrive/";

/** Of a dead letter that becomes a message again. One that was a dead letter before has it already. */
export function redriveLabel(stream: string): string {
  return isRedriven(stream) ? stream : REDRIVEN + stream;
}

export function isRedriven(label: string): boolean {
  return label.startsWith(REDRIVEN);
}

/** The stream as people know it. */
export function streamOfLabel(label: string): string {
  return isRedriven(label) ? label.slice(REDRIVEN.length) : label;
}
