/**
 * A journal with its writer: what it says of itself, and what an operator must hear of.
 *
 * Promise: each trouble is told once when it begins and once when it ends, and shows in the status for as long as it
 * lasts.
 */
import type { Notice } from "../../driver/source.ts";
import { readHeartbeat, Silence } from "./heartbeat.ts";
import { Journal, type JournalSettings } from "./journal.ts";

const MISSING = "sidestream_acapy_journal_missing_total";
const DAMAGED_ACK =
  "its file `ack` is damaged: all that is in the journal is read again. What a log has isn't sent again; what is sent at most once may be; see to the disk";
/** Time after which a journal without any heartbeat is told. */
const FIRST_HEARTBEAT_MS = 30_000;

export class WatchedJournal {
  readonly journal: Journal;
  readonly #folder: string;
  readonly #notice: Notice;
  readonly #sinceMs = performance.now();
  readonly #silence = new Silence();
  #backlogBytes = 0;
  /** Kind of trouble → its text. */
  readonly #troubles = new Map<string, string>();
  #notices: readonly string[] = [];
  #missingTold = 0;
  #damageTold = 0;

  private constructor(journal: Journal, folder: string, notice: Notice) {
    this.journal = journal;
    this.#folder = folder;
    this.#notice = notice;
  }

  /** @throws As `node:fs` does. */
  static async open(settings: Omit<JournalSettings, "onTrouble">, notice: Notice): Promise<WatchedJournal> {
    const watched: { it: WatchedJournal | null } = { it: null };
    const onTrouble: JournalSettings["onTrouble"] = (what, error) =>
      watched.it?.tell(what, error === null ? null : `${what} fails, and is tried again: ${error.message}`);
    const journal = await Journal.open({ ...settings, onTrouble });
    watched.it = new WatchedJournal(journal, settings.folder, notice);
    if (journal.hadDamagedAck) notice("error", `journal ${settings.name}: ${DAMAGED_ACK}`);
    return watched.it;
  }

  /** Its agent ended, or gives no sign of life: it may never write again. */
  get isLeft(): boolean {
    const { heartbeat, isShort } = this.#silence;
    return heartbeat !== null && (heartbeat.stopped || !isShort);
  }

  get troubles(): readonly string[] {
    return [...this.#troubles.values()];
  }

  /** Looks at what the writer says, and at what waits. To be called every few seconds. Never rejects. */
  async look(): Promise<void> {
    try {
      const heartbeat = await readHeartbeat(this.#folder);
      if (heartbeat !== null) this.#silence.hear(heartbeat);
      this.#backlogBytes = await this.journal.backlogBytes();
    } catch {
      // It is told by whoever reads the journal.
    }
    this.tell("heartbeat", this.#silent());
    this.tell("end", this.#untold());
    this.#tellNotices();
    this.#tellMissing();
    this.#tellDamage();
  }

  /** Begins, changes or ends a trouble. */
  tell(kind: string, text: string | null): void {
    const before = this.#troubles.get(kind);
    if (text === null) {
      if (!this.#troubles.delete(kind)) return;
      this.#notice("info", `journal ${this.journal.name}: over: ${before}`);
      return;
    }
    this.#troubles.set(kind, `journal ${this.journal.name}: ${text}`);
    // A silence grows: that is no news.
    if (before === undefined) this.#notice("warn", `journal ${this.journal.name}: ${text}`);
  }

  /** How far it is read, and when its agent was heard of, for a person. */
  standing(): string {
    const { name, recordCount } = this.journal;
    return `journal ${name}: ${this.#behind()}, ${grouped(recordCount)} taken in since the start, its agent ${this.#lastSign()}`;
  }

  samples(): Readonly<Record<string, number>> {
    const label = `journal="${this.journal.name}"`;
    const silence = this.#silence.ms;
    const own: [string, number][] = [
      ["sidestream_acapy_journal_records_total", this.journal.recordCount],
      ["sidestream_acapy_journal_backlog_bytes", this.#backlogBytes],
      ["sidestream_acapy_journal_damaged_bytes", this.journal.damagedBytes],
      ["sidestream_acapy_journal_troubles", this.#troubles.size],
    ];
    if (silence !== null) own.push(["sidestream_acapy_journal_heartbeat_age_seconds", silence / 1000]);
    const missing = new Map<string, number>();
    for (const [reason, count] of this.journal.missing) {
      // Reasons that differ in other characters alone are one label.
      const sample = `${MISSING}{${label},reason="${reason.replaceAll(/[^\w-]/g, "_")}"}`;
      missing.set(sample, (missing.get(sample) ?? 0) + count);
    }
    return Object.fromEntries([...own.map(([name, value]): [string, number] => [`${name}{${label}}`, value]), ...missing]);
  }

  #behind(): string {
    if (this.#backlogBytes > 0) return `${grouped(this.#backlogBytes)} bytes to read`;
    return this.journal.isIdle ? "all is read" : "it is being read";
  }

  #lastSign(): string {
    const { heartbeat, ms } = this.#silence;
    if (heartbeat === null) return "has not given a sign of life";
    return ms === null ? "has ended" : `gave a sign of life ${Math.round(ms / 1000)} s ago`;
  }

  #silent(): string | null {
    const { heartbeat, ms, isShort } = this.#silence;
    if (heartbeat === null) {
      if (performance.now() - this.#sinceMs < FIRST_HEARTBEAT_MS) return null;
      return "its agent has not given a sign of life: is the plugin loaded?";
    }
    if (isShort) return null;
    const seconds = Math.round((ms ?? 0) / 1000);
    return `its agent gave the last sign of life ${seconds} s ago: it hangs, was killed, or runs without the plugin. If it is gone for good and all is read, remove its folder`;
  }

  /** A gap waits for room in the agent's memory, and is gone with it; what was not synced is gone with the machine. */
  #untold(): string | null {
    const { heartbeat } = this.#silence;
    if (heartbeat === null || !this.isLeft || this.#backlogBytes > 0 || !this.journal.isIdle) return null;
    const { boot, sequence } = heartbeat;
    const { acked } = this.journal;
    if (boot !== acked.boot || sequence <= acked.sequence) return null;
    const missing = `the events ${boot}/${acked.sequence + 1} to ${sequence} at least are not in the journal of an agent that ended`;
    return `${missing}, and no message tells of them: it had no room left to say so, or the machine lost power`;
  }

  /** What the writer has to say to an operator, each once. */
  #tellNotices(): void {
    const said = this.#silence.heartbeat?.notices ?? [];
    for (const text of said)
      if (!this.#notices.includes(text)) this.#notice("warn", `journal ${this.journal.name}: its agent says: ${text}`);
    this.#notices = said;
  }

  #tellMissing(): void {
    let missing = 0;
    for (const count of this.journal.missing.values()) missing += count;
    if (missing === this.#missingTold) return;
    const reasons = [...this.journal.missing].map(([reason, count]) => `${count} ${reason}`).join(", ");
    this.#missingTold = missing;
    this.#notice(
      "warn",
      `journal ${this.journal.name}: events are missing, since the start of this program: ${reasons}; messages of the category "gap" name them`,
    );
  }

  /** Where nothing of the same boot comes behind it, no gap tells of it. */
  #tellDamage(): void {
    const { damagedBytes, name } = this.journal;
    if (damagedBytes <= this.#damageTold) return;
    this.#damageTold = damagedBytes;
    this.#notice(
      "error",
      `journal ${name}: ${grouped(damagedBytes)} bytes are damaged, since the start of this program: the events in them are lost; see to the disk`,
    );
  }
}

function grouped(count: number): string {
  return count.toLocaleString("en");
}
