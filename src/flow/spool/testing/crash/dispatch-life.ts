/**
 * One life of a program whose dispatcher sends what the log holds, to a destination that fails now and then: what
 * counts as done is told by the destination and by the dead letters, not by the program.
 */
import type { DestinationDriver, OutgoingMessage } from "../../../../driver/destination.ts";
import { Dispatcher } from "../../../transmit/dispatcher.ts";
import { NumberedDestination } from "../../../transmit/testing/numbered-destination.ts";
import { ScriptedDestination } from "../../../transmit/testing/scripted-destination.ts";
import type { VirtualClock } from "../../../transmit/testing/virtual-clock.ts";
import { isSidestreamError, SidestreamError } from "../../../../errors.ts";
import { DeadLetterLog } from "../../dead-letter-log.ts";
import type { DestinationLog } from "../../destination-log.ts";
import type { SpooledMessage } from "../../spooled.ts";
import { message } from "../fixtures.ts";
import type { Random } from "../memory-disk.ts";
import { checkCrash, startedWith } from "./crash-check.ts";
import type { Beginning, Heard, Recorded } from "./life.ts";
import type { Model } from "./model.ts";
import { DEAD_FOLDER, LOG_NAME, observe, type LogShape } from "./observed.ts";
import { RecordingDisk } from "./recording-disk.ts";
import type { Told } from "./told.ts";

/** Every so many messages one is refused for good. */
const REFUSED_EVERY = 9;
const VALUE_BYTES = [16, 16, 300, 900] as const;
const DRAIN_MS_MAX = 3_600_000;

/** What outlives a process: the destination, what it has, and the time. */
export interface World {
  readonly clock: VirtualClock;
  /** Null: one that takes whatever comes. */
  readonly numbered: NumberedDestination | null;
  /** Ids as they arrived, repeats included. */
  readonly arrived: string[];
  /** Of each message given: its topic and key, which keep their order. */
  readonly keys: Map<string, string>;
}

export class DispatchLife {
  readonly #beginning: Beginning;
  readonly #shape: LogShape;
  readonly #world: World;
  readonly #random: Random;
  readonly #disk: RecordingDisk;
  readonly #model: Model;
  readonly #heard: Heard[] = [];
  readonly #ids = new Map<number, string>();

  constructor(beginning: Beginning, shape: LogShape, world: World, random: Random) {
    this.#beginning = beginning;
    this.#shape = shape;
    this.#world = world;
    this.#random = random;
    this.#disk = new RecordingDisk(beginning.image, beginning.journal, random);
    this.#model = beginning.model.clone();
  }

  /** @param drains - Nothing fails, and it ends when nothing waits any more; otherwise it is killed in the midst. */
  async run(rounds: number, drains: boolean): Promise<Recorded> {
    const log = await this.#start();
    const letters = await DeadLetterLog.open({
      disk: this.#disk,
      folder: DEAD_FOLDER,
      destination: LOG_NAME,
      messagesLogId: log.logId,
      keepMs: Infinity,
      bytesMax: 1_000_000,
      onFinding: () => undefined,
    });
    const driver = this.#world.numbered === null ? this.#plain(drains) : this.#watched(this.#world.numbered);
    const dispatcher = new Dispatcher({
      log: this.#watchedLog(log),
      deadLetters: {
        add: async (refused, code, reason) => {
          await letters.add(refused, code, reason);
          this.#finish(refused.eventId.slice("event-".length), "dead", code);
        },
      },
      driver,
      options: {},
      inFlightMax: 1 + this.#random(8),
      clock: this.#world.clock,
      random: () => this.#random(1000) / 1000,
    });
    dispatcher.start();
    for (let round = 0; round < rounds; round++) await this.#round(log, drains);
    if (drains) await this.#world.clock.until(() => log.confirmedSequence >= log.durableSequence || this.#isDone(), DRAIN_MS_MAX);
    this.#disk.end();
    this.#world.numbered?.cut();
    // Its timer would outlive it; what it writes goes nowhere.
    void letters.close();
    const { journal, operations, failedAt } = this.#disk;
    return { ...this.#beginning, began: this.#beginning.journal.length, journal, heard: this.#heard, operations, failedAt };
  }

  #tell(told: Told): void {
    this.#heard.push({ at: this.#disk.journal.length, told });
    this.#model.apply(told);
  }

  async #start(): Promise<DestinationLog> {
    const observed = await observe(this.#disk, this.#shape);
    if (isSidestreamError(observed)) throw observed;
    checkCrash(this.#model, observed, false);
    const started = startedWith(this.#model, observed);
    this.#tell({ kind: "started", ...started });
    // What arrived in an earlier life is there, whether the log knows or has to ask.
    const arrived = new Set(this.#world.arrived);
    for (const { id } of started.present) if (arrived.has(id)) this.#finish(id, "delivered", null);
    return observed.log;
  }

  async #round(log: DestinationLog, drains: boolean): Promise<void> {
    const ids: string[] = [];
    for (let left = this.#random(4); left > 0; left--) {
      const id = `m${this.#model.count + 1}`;
      const value = Buffer.alloc(VALUE_BYTES[this.#random(VALUE_BYTES.length)] ?? 16, id);
      const given = { id, topic: `topic-${this.#random(2)}`, tenant: `tenant-${this.#random(2)}`, value, acknowledging: true };
      const key = `key-${this.#random(3)}`;
      this.#world.keys.set(id, `${given.topic} ${key}`);
      log.append(message(id, { topic: given.topic, tenant: given.tenant, value, key }), true);
      this.#tell({ kind: "given", message: given });
      ids.push(id);
    }
    const flushed = log.flush().then(
      () => "kept" as const,
      () => "unsure" as const,
    );
    const { numbered } = this.#world;
    if (numbered !== null && !drains && this.#random(3) === 0) numbered.faults.push(pick(NUMBERED_FAULTS, this.#random));
    if (this.#random(2) === 0) await this.#world.clock.advance(this.#random(3_000));
    else await this.#world.clock.settle();
    this.#tell({ kind: await flushed, ids });
  }

  #isDone(): boolean {
    return [...this.#model.messages].every(({ fate, done }) => fate !== "kept" || done === "yes");
  }

  /** The log, with an ear at what is read and what was confirmed. */
  #watchedLog(log: DestinationLog): DestinationLog {
    const watched = {
      read: async (...parameters: Parameters<DestinationLog["read"]>) => {
        const result = await log.read(...parameters);
        this.#see(result.messages.filter(({ logSequence }) => !log.isConfirmed(logSequence)));
        return result;
      },
      confirm: async (confirmations: Parameters<DestinationLog["confirm"]>[0]) => {
        await log.confirm(confirmations);
        const ids = confirmations.map(({ logSequence }) => this.#ids.get(logSequence) ?? "");
        // Only what the destination has, or the dead letters, counts as done.
        this.#tell({ kind: "finished", ids: ids.filter((id) => this.#model.known(id).how !== null) });
      },
    };
    return new Proxy(log, {
      get: (target, name) => {
        if (name === "read" || name === "confirm") return watched[name];
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }

  #see(messages: readonly SpooledMessage[]): void {
    for (const { eventId, logSequence } of messages) this.#ids.set(logSequence, eventId.slice("event-".length));
    const seen = messages.map(({ eventId, logSequence, sequence }) => ({
      id: eventId.slice("event-".length),
      number: logSequence,
      sequence,
    }));
    if (seen.length > 0) this.#tell({ kind: "seen", messages: seen });
  }

  #finish(id: string, outcome: "delivered" | "dead", reason: string | null): void {
    this.#tell({ kind: "finishing", messages: [{ id, outcome, reason, lane: "", position: null }] });
  }

  #arrive(messages: readonly OutgoingMessage[]): void {
    for (const { value } of messages) {
      const id = idOf(value);
      this.#world.arrived.push(id);
      this.#finish(id, "delivered", null);
    }
  }

  #plain(drains: boolean): DestinationDriver {
    const destination = new ScriptedDestination(1 + this.#random(3));
    destination.otherwise = async (batch) => {
      const isRefused = ({ value }: OutgoingMessage): boolean => refused(idOf(value));
      const way = drains ? 9 : this.#random(10);
      if (way === 0) return fail(batch, 0, "SST_DESTINATION_UNREACHABLE");
      if (way === 1) return fail(batch, 0, "SST_DESTINATION_UNSURE");
      if (way === 2) await new Promise<void>((resolve) => void this.#world.clock.after(this.#random(2_000), resolve));
      const end = way === 3 ? this.#random(batch.length + 1) : batch.length;
      const taken = batch.slice(0, end);
      this.#arrive(taken.filter((each) => !isRefused(each)));
      // The destination has them, and the answer is lost.
      if (way === 4) return fail(batch, 0, "SST_DESTINATION_UNSURE");
      const outcomes = fail(batch, end, "SST_DESTINATION_BUSY");
      return outcomes.map((outcome, at) =>
        isRefused(batch[at] as OutgoingMessage) && at < end ? new SidestreamError("SST_DESTINATION_REFUSED", "refused") : outcome,
      );
    };
    return destination.driver;
  }

  #watched(numbered: NumberedDestination): DestinationDriver {
    numbered.isRefused = ({ value }) => refused(idOf(value));
    const arrived = numbered.arrived;
    arrived.push = (...messages: OutgoingMessage[]): number => {
      this.#arrive(messages);
      return Array.prototype.push.apply(arrived, messages);
    };
    return numbered.driver;
  }
}

/** Faults after which nothing may arrive twice. */
const NUMBERED_FAULTS = ["lost-before", "lost-after", "late", "busy", "unreachable", "split"] as const;

function refused(id: string): boolean {
  return Number(id.slice(1)) % REFUSED_EVERY === 0;
}

/** Values begin with the id of their message, which ends where it begins again, or at a zero. */
function idOf(value: Buffer): string {
  return /^m\d+/u.exec(value.toString("latin1", 0, 16))?.[0] ?? "";
}

function fail(
  batch: readonly OutgoingMessage[],
  from: number,
  code: "SST_DESTINATION_UNREACHABLE" | "SST_DESTINATION_UNSURE" | "SST_DESTINATION_BUSY",
) {
  return batch.map((_, at) => (at < from ? null : new SidestreamError(code, "scripted")));
}

function pick<Value>(values: readonly Value[], random: Random): Value {
  return values[random(values.length)] as Value;
}
