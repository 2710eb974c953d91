/** What came of removing a tenant's bytes from files, piece by piece. */
export interface Erased {
  /** False: the time was over before all was looked at. */
  readonly isThrough: boolean;
  /** Paths of files that could not be rewritten. */
  readonly left: readonly string[];
}

/** Where a call begins, or the next one is to. */
export interface ErasingSpan {
  /** Segments that end at or below it are through. */
  readonly from: number;
  /** What is at or above it came later. */
  readonly below: number;
}

export interface ErasedLog extends Erased {
  readonly span: ErasingSpan;
}
