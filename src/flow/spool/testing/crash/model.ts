/**
 * What a log promised by what its users were told, and what may be found after a crash. It knows messages, numbers and
 * rules; nothing of files and segments.
 */
import type { LanePosition } from "../../../../driver/destination.ts";
import { must } from "./violation.ts";
import type { Done, Given, Kept, Seen, Told } from "./told.ts";

export interface Known {
  readonly given: Given;
  /** What its source was told. `waiting`: nothing yet. */
  fate: "waiting" | "kept" | "refused" | "unsure";
  /** `maybe`: it may be, as far as anybody was told. */
  done: "no" | "maybe" | "yes";
  how: Done | null;
  seen: Seen | null;
  /** It may count as given up although it may be there: its source can't be told, and the log couldn't tell. */
  turnedAway: boolean;
  /** Codes that may be in force, null for none; absent where nobody tried to skip it. */
  skips: readonly (string | null)[] | null;
}

export class Model {
  /** The log gives up its oldest messages when it is about to be full. */
  readonly givesUp: boolean;
  readonly #messages = new Map<string, Known>();
  /** Numbers that somebody has seen, and whose they are. */
  readonly #numbers = new Map<number, string>();
  /** The same by topic and sequence. */
  readonly #sequences = new Map<string, string>();
  /** By name: what may be in force. */
  readonly #memory = new Map<string, readonly Kept[]>();
  readonly #sentBelow = new Map<string, number>();
  /** Done messages with a position, in the order of finishing. */
  #positions: Done[] = [];

  constructor(givesUp: boolean) {
    this.givesUp = givesUp;
  }

  apply(told: Told): void {
    switch (told.kind) {
      case "given":
        return void this.#messages.set(told.message.id, {
          given: told.message,
          fate: "waiting",
          done: "no",
          how: null,
          seen: null,
          turnedAway: false,
          skips: null,
        });
      case "kept":
      case "refused":
      case "unsure":
        for (const id of told.ids) this.#answered(this.known(id), told.kind);
        return;
      case "seen":
        for (const seen of told.messages) this.#see(seen);
        return;
      case "finishing":
        for (const done of told.messages) this.#finishing(done);
        return;
      case "finished":
        for (const id of told.ids) this.known(id).done = "yes";
        return;
      case "sending":
        return void this.#sentBelow.set(told.lane, Math.max(told.below, this.#sentBelow.get(told.lane) ?? 0));
      case "setting":
        return void this.#memory.set(told.name, [...(this.#memory.get(told.name) ?? [undefined]), told.value]);
      case "set":
        return this.#set(told.name, told.value, told.ending);
      case "skipping": {
        const known = this.known(told.id);
        known.skips = [...(known.skips ?? [null]), told.code];
        return;
      }
      case "skipped": {
        const known = this.known(told.id);
        const codes = known.skips ?? [null];
        // What was tried after it is still under way.
        if (told.ending === "kept") known.skips = codes.slice(codes.indexOf(told.code));
        if (told.ending === "refused") known.skips = codes.filter((code) => code !== told.code);
        return;
      }
      case "started":
        return this.#started(told.present, told.memory);
    }
  }

  clone(): Model {
    const copy = new Model(this.givesUp);
    for (const [id, known] of this.#messages) copy.#messages.set(id, { ...known });
    for (const [number, id] of this.#numbers) copy.#numbers.set(number, id);
    for (const [place, id] of this.#sequences) copy.#sequences.set(place, id);
    for (const [name, values] of this.#memory) copy.#memory.set(name, values);
    for (const [lane, below] of this.#sentBelow) copy.#sentBelow.set(lane, below);
    copy.#positions = [...this.#positions];
    return copy;
  }

  /** In the order in which they were given. */
  get messages(): Iterable<Known> {
    return this.#messages.values();
  }

  get count(): number {
    return this.#messages.size;
  }

  has(id: string): boolean {
    return this.#messages.has(id);
  }

  known(id: string): Known {
    const known = this.#messages.get(id);
    must(known !== undefined, () => `${id} was never given to the log`);
    return known as Known;
  }

  /** Whose a number is that somebody has seen. */
  ownerOf(number: number): string | undefined {
    return this.#numbers.get(number);
  }

  /** Whose a sequence of a topic is that somebody has seen. */
  ownerIn(topic: string, sequence: number): string | undefined {
    return this.#sequences.get(`${topic} ${sequence}`);
  }

  get highestSeen(): number {
    return Math.max(0, ...this.#numbers.keys());
  }

  get memory(): ReadonlyMap<string, readonly Kept[]> {
    return this.#memory;
  }

  get sentBelow(): ReadonlyMap<string, number> {
    return this.#sentBelow;
  }

  /** Where a lane stands by its last message that is done. */
  positionOf(lane: string, isDone: (id: string) => boolean): LanePosition | null {
    return this.#positions.findLast((each) => each.lane === lane && isDone(each.id))?.position ?? null;
  }

  get lanes(): ReadonlySet<string> {
    return new Set(this.#positions.map(({ lane }) => lane));
  }

  #answered(known: Known, fate: "kept" | "refused" | "unsure"): void {
    if (known.fate !== "waiting") return;
    known.fate = fate;
    if (fate !== "kept" && !known.given.acknowledging) known.turnedAway = true;
  }

  #see(seen: Seen): void {
    const known = this.known(seen.id);
    const { number, sequence } = seen;
    const owner = this.#numbers.get(number) ?? seen.id;
    must(owner === seen.id, () => `number ${number} was that of ${owner}, and is now that of ${seen.id}`);
    must(known.seen === null || known.seen.number === number, () => `${seen.id} had number ${known.seen?.number}, and has now ${number}`);
    must(known.fate !== "refused", () => `${seen.id} was refused, or gone at an earlier start, and is there again`);
    known.seen = seen;
    // Nothing is read that isn't on disk.
    known.fate = "kept";
    this.#numbers.set(number, seen.id);
    this.#sequences.set(`${known.given.topic} ${sequence}`, seen.id);
  }

  #finishing(done: Done): void {
    const known = this.known(done.id);
    if (known.how !== null) return;
    known.how = done;
    known.done = "maybe";
    if (done.position !== null) this.#positions.push(done);
  }

  #set(name: string, value: Kept, ending: "kept" | "refused" | "unsure"): void {
    const values = this.#memory.get(name) ?? [undefined];
    const at = values.lastIndexOf(value);
    // What was set after it is still under way.
    if (ending === "kept") this.#memory.set(name, values.slice(at));
    if (ending === "refused") this.#memory.set(name, values.toSpliced(at, 1));
  }

  /** What a crash or an end left open is settled by what the start found. */
  #started(present: readonly Seen[], memory: ReadonlyMap<string, string>): void {
    const there = new Set(present.map(({ id }) => id));
    for (const seen of present) this.#see(seen);
    for (const [id, known] of this.#messages) {
      if (!there.has(id) && (known.fate === "waiting" || known.fate === "unsure")) known.fate = "refused";
      const isGivenUp = this.givesUp && known.fate === "kept";
      if (!there.has(id) && (known.done === "maybe" || isGivenUp)) known.done = "yes";
      if (known.done === "maybe" && there.has(id)) {
        known.done = "no";
        known.how = null;
      }
    }
    this.#positions = this.#positions.filter(({ id }) => this.known(id).done === "yes");
    for (const name of this.#memory.keys()) this.#memory.set(name, [memory.get(name)]);
  }
}
