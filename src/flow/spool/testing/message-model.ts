/**
 * What a log promised of messages, held against what it gives: what was acknowledged is there, once, in order, unchanged;
 * what was refused or confirmed isn't; what a crash left open is one or the other from then on.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import type { DestinationLog } from "../destination-log.ts";
import type { SpooledMessage } from "../spooled.ts";
import type { Fate, Sent } from "./history-steps.ts";

export class MessageModel {
  readonly #sent: Sent[] = [];

  appended(id: string, topic: string, tenant: string): void {
    this.#sent.push({ id, topic, tenant, fate: "waiting", done: "no", number: null });
  }

  /** Those that nobody was told of yet. */
  waiting(): readonly Sent[] {
    return this.#sent.filter(({ fate }) => fate === "waiting");
  }

  /** What those came to that nobody was told of yet. */
  settle(fate: Fate, which: readonly Sent[] = this.waiting()): void {
    for (const sent of which) sent.fate = fate;
  }

  find(eventId: string): Sent {
    const sent = this.#sent.find(({ id }) => `event-${id}` === eventId);
    ok(sent !== undefined, `${eventId} was never sent`);
    return sent;
  }

  /** Messages were read. */
  read(messages: readonly SpooledMessage[]): void {
    for (const each of messages) {
      const sent = this.find(each.eventId);
      if (sent.number !== null) equal(each.sequence, sent.number, "a message keeps its number");
      sent.number = each.sequence;
      deepEqual(each.value, Buffer.alloc(each.value.length, sent.id), "not a byte is changed");
    }
  }

  /** @param read - All that can be read. */
  check(log: DestinationLog, read: readonly SpooledMessage[]): void {
    this.#checkMessages(read);
    this.#checkNumbers();
    this.#checkCounts(log, read);
  }

  #checkMessages(read: readonly SpooledMessage[]): void {
    const ids = read.map(({ eventId }) => eventId.slice("event-".length));
    equal(new Set(ids).size, ids.length, "no message twice");
    const places = ids.map((id) => this.#sent.findIndex((sent) => sent.id === id));
    deepEqual(
      places,
      places.toSorted((a, b) => a - b),
      "in the order of appending",
    );
    ok(!places.includes(-1), "nothing invented");
    for (const [place, sent] of this.#sent.entries()) {
      const isThere = places.includes(place);
      if (sent.fate === "kept" && sent.done === "no") ok(isThere, `${sent.id} was acknowledged and is there`);
      if (sent.fate === "refused") ok(!isThere, `${sent.id} was refused and does not come back`);
      if (sent.done === "yes") ok(!isThere, `${sent.id} was confirmed and does not come back`);
      // What a crash left unsure is sure from now on.
      if (sent.fate === "unsure") sent.fate = isThere || sent.done !== "no" ? "kept" : "refused";
      if (sent.done === "unsure") sent.done = isThere ? "no" : "yes";
    }
  }

  #checkNumbers(): void {
    for (const topic of ["topic-0", "topic-1", "topic-2"]) {
      const numbers = this.#sent
        .filter((sent) => sent.topic === topic && sent.number !== null && sent.fate !== "refused")
        .map(({ number }) => number);
      deepEqual(
        numbers,
        numbers.map((_, index) => index + 1),
        `numbers of ${topic} have no gap and come once`,
      );
    }
  }

  #checkCounts(log: DestinationLog, read: readonly SpooledMessage[]): void {
    const { accepted, outcomes, pending } = log.status();
    for (const tenant of ["tenant-0", "tenant-1"]) {
      const left = outcomes["users-audit"]?.[tenant];
      deepEqual(
        Object.keys(left?.dropped ?? {}).filter((reason) => reason !== "because"),
        [],
        "nothing was lost to damage",
      );
      const gone = (left?.delivered ?? 0) + (left?.dead ?? 0) + (left?.dropped["because"] ?? 0);
      const kept = this.#sent.filter((sent) => sent.tenant === tenant && sent.fate === "kept");
      equal(gone, kept.filter(({ done }) => done === "yes").length, "delivered + dead + dropped is what was confirmed");
      const waiting = read.filter((each) => each.tenant === tenant);
      equal(pending["users-audit"]?.[tenant] ?? 0, waiting.length, "pending is what can be read");
      equal(
        log.heldBytes(tenant),
        waiting.reduce((sum, { frameBytes }) => sum + frameBytes, 0),
        "a tenant holds what its messages take",
      );
      equal(accepted["users-audit"]?.[tenant] ?? 0, kept.length, "accepted is what was kept");
      equal(kept.length, gone + waiting.length, "accepted = delivered + dead + dropped + pending");
    }
  }
}
