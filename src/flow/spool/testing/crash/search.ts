/**
 * A search for a crash that breaks a promise: runs histories, crashes in them and counts what was tried.
 *
 * Promise: a violation tells its place, and a search told to go to a place comes to the same point and to no other.
 */
import { checkPoint, crashPoints, SeenImages, type CrashPoint } from "./explore.ts";
import { Life, type Beginning, type LifePlan, type Recorded } from "./life.ts";
import type { LogShape } from "./observed.ts";
import { placeText, randomFor, type Place } from "./place.ts";
import type { Random } from "../memory-disk.ts";
import { Violation } from "./violation.ts";

export interface Tally {
  /** Histories, one for each fault in each life. */
  histories: number;
  /** Distinct points: by history, operation and what survived. */
  points: number;
  /** Starts: points at which the disk held other bytes, or other things had been told, than at those before. */
  starts: number;
}

/** A violation with its place. */
export class FoundViolation extends Error {
  override readonly name = "FoundViolation";
  readonly place: Place;

  constructor(place: Place, cause: unknown) {
    super(`${cause instanceof Error ? cause.message : String(cause)}\n  at ${placeText(place)}`, { cause });
    this.place = place;
  }
}

export interface ExploreSettings {
  /** States of the disk at each operation, at most. */
  readonly statesMax: number;
  /** Crashes before this entry of the journal were seen to in another history. */
  readonly from?: number;
  /** Every how many starts are checked in full, by a reader and a second start. */
  readonly thoroughEvery: number;
  /** False: what the log keeps for a driver isn't told to the model. */
  readonly memory?: boolean;
  /** What must hold besides. */
  readonly alsoCheck?: (point: CrashPoint) => void;
}

export class Search {
  readonly seed: number;
  readonly tallies = new Map<string, Tally>();
  /** The history that is searched. */
  current: Place | null = null;
  readonly #only: Place | null;
  /** Asked between points: true ends the search in good order. */
  readonly #isOver: () => boolean;

  /** @param only - Go to this place alone. */
  constructor(seed: number, isOver: () => boolean, only: Place | null = null) {
    this.seed = seed;
    this.#isOver = isOver;
    this.#only = only;
  }

  get isOver(): boolean {
    return this.#isOver();
  }

  get only(): Place | null {
    return this.#only;
  }

  /** Sums of all families. */
  get tally(): Tally {
    const sum: Tally = { histories: 0, points: 0, starts: 0 };
    for (const { histories, points, starts } of this.tallies.values()) {
      sum.histories += histories;
      sum.points += points;
      sum.starts += starts;
    }
    return sum;
  }

  history(family: string, history: number): HistorySearch {
    this.current = { family, seed: this.seed, history, part: "", operation: null, survivors: "" };
    let tally = this.tallies.get(family);
    if (tally === undefined) this.tallies.set(family, (tally = { histories: 0, points: 0, starts: 0 }));
    return new HistorySearch(this, family, history, tally);
  }
}

/** The search in one history. */
export class HistorySearch {
  readonly tally: Tally;
  readonly search: Search;
  readonly #family: string;
  readonly #history: number;

  constructor(search: Search, family: string, history: number, tally: Tally) {
    this.search = search;
    this.#family = family;
    this.#history = history;
    this.tally = tally;
  }

  random(...purpose: readonly (string | number)[]): Random {
    return randomFor(this.search.seed, this.#family, this.#history, ...purpose);
  }

  /** Lives a life; what it does follows from the plan and the part. */
  async live(part: string, beginning: Beginning, shape: LogShape, plan: LifePlan): Promise<Recorded> {
    this.tally.histories += 1;
    try {
      return await new Life(beginning, shape, this.random(part, "life")).run(plan);
    } catch (error) {
      throw this.found(part, null, "", error);
    }
  }

  /** Crashes in a life and checks each point. `visit` sees each as well. */
  async explore(
    part: string,
    recorded: Recorded,
    shape: LogShape,
    { statesMax, from = 0, thoroughEvery, memory = true, alsoCheck }: ExploreSettings,
    visit: (point: CrashPoint) => void = () => undefined,
  ): Promise<void> {
    const seen = new SeenImages();
    for (const point of crashPoints(recorded, statesMax, from, this.random(part, "survivors"))) {
      if (this.search.isOver) return;
      this.tally.points += 1;
      visit(point);
      if (!seen.isNew(point)) continue;
      const survivors = point.survivors.join(".");
      if (!this.isWanted(part, point.operation, survivors)) continue;
      this.tally.starts += 1;
      const thorough = this.search.only !== null || this.tally.starts % thoroughEvery === 0;
      try {
        await checkPoint(point, shape, memory, thorough);
        alsoCheck?.(point);
      } catch (error) {
        throw this.found(part, point.operation, survivors, error);
      }
    }
  }

  /** False for all but one place, when the search is for that alone. */
  isWanted(part: string, operation: number, survivors: string): boolean {
    const { only } = this.search;
    return only === null || (only.part === part && only.operation === operation && only.survivors === survivors);
  }

  found(part: string, operation: number | null, survivors: string, error: unknown): FoundViolation {
    if (error instanceof FoundViolation) return error;
    const { seed } = this.search;
    const cause = error instanceof Error ? error : new Violation(String(error));
    return new FoundViolation({ family: this.#family, seed, history: this.#history, part, operation, survivors }, cause);
  }
}
