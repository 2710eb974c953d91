/**
 * Remembers how a lane's last messages ended, to tell one bad message from a lane that has gone wrong.
 *
 * A mistaken access right or a schema that changed makes a destination refuse everything. Setting all of it aside would
 * empty the spool into the dead letters; so such a lane pauses instead.
 */

/** Enough to tell a run of bad messages from a bad one, few enough that little is set aside before the pause. */
export const RECENT_OUTCOMES_MAX = 20;

export class RecentOutcomes {
  readonly #dead: boolean[] = [];
  #deadCount = 0;

  /** Adds the outcome of one message, forgetting the oldest beyond the bound. */
  add(dead: boolean): void {
    this.#dead.push(dead);
    if (dead) this.#deadCount += 1;
    if (this.#dead.length > RECENT_OUTCOMES_MAX && this.#dead.shift() === true) this.#deadCount -= 1;
  }

  /** Adds messages that were delivered. */
  addDelivered(count: number): void {
    if (count >= RECENT_OUTCOMES_MAX) this.clear();
    for (let left = Math.min(count, RECENT_OUTCOMES_MAX); left > 0; left -= 1) this.add(false);
  }

  /** More than half of what is remembered at most ended dead. */
  get mostlyDead(): boolean {
    return this.#deadCount > RECENT_OUTCOMES_MAX / 2;
  }

  clear(): void {
    this.#dead.length = 0;
    this.#deadCount = 0;
  }
}
