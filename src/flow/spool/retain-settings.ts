/** How long a destination's archive keeps what is done. */
export interface RetainSettings {
  /** Age of a file's newest message at which it is removed, milliseconds. */
  readonly keepMs: number;
  /** Bytes of all files; the oldest go first. */
  readonly bytesMax: number;
}
