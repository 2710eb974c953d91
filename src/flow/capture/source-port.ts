/**
 * What capture offers to one source: `CapturePort` of driver/source.ts, over the shared line.
 *
 * Promise: nothing here throws or waits on the traffic's path; each record that is turned away is counted by route.
 * A durable record's end is told to its source and counted by it (`countLoss`), because only the source knows whether
 * it let the response go.
 */
import type { CapturePort, CaptureRecord, LossReason, Reservation, Settlement } from "../../driver/source.ts";
import type { HandoverLine } from "./handover-line.ts";
import { BATCH_HEADER_BYTES } from "./layout.ts";
import { RouteLosses, type Loss } from "./losses.ts";

/** A source as capture knows it. */
export interface SourceIdentity {
  /** Unique among the sources of this edge, from 0. */
  readonly index: number;
  /** Name in the configuration. */
  readonly name: string;
  /** Names of its routes, index 0 being the default. */
  readonly routes: readonly string[];
}

export class SourcePort implements CapturePort {
  readonly name: string;
  readonly #index: number;
  readonly #line: HandoverLine;
  readonly #defaultLosses: RouteLosses;
  readonly #losses: readonly RouteLosses[];
  /** Best-effort records taken, and durable ones that were spooled. */
  capturedCount = 0;
  #heldBytes = 0;

  constructor(source: SourceIdentity, line: HandoverLine) {
    this.name = source.name;
    this.#index = source.index;
    this.#line = line;
    this.#defaultLosses = new RouteLosses(source.name, source.routes[0] ?? "default");
    this.#losses = [this.#defaultLosses, ...source.routes.slice(1).map((route) => new RouteLosses(source.name, route))];
  }

  get recordBytesMax(): number {
    return this.#line.room.bytesMax - BATCH_HEADER_BYTES;
  }

  reserve(bytesMax: number, waitMsMax: number): Promise<Reservation | null> {
    // The record may begin a batch, whose header takes room too.
    return this.#line.room.reserve(bytesMax + BATCH_HEADER_BYTES, waitMsMax);
  }

  hold(bytes: number): boolean {
    if (!this.#line.room.hold(bytes)) return false;
    this.#heldBytes += bytes;
    return true;
  }

  unhold(bytes: number): void {
    // A source that gives back more than it took must not set another source's bytes free.
    const givenBack = Math.min(bytes, this.#heldBytes);
    this.#heldBytes -= givenBack;
    this.#line.room.unhold(givenBack);
  }

  submit(record: CaptureRecord): void {
    const losses = this.#lossesOf(record.route);
    const reason = this.#line.submit(record, this.#index, losses);
    if (reason === null) this.capturedCount += 1;
    else losses.add(reason, 1);
  }

  async submitDurable(record: CaptureRecord, reservation: Reservation): Promise<Settlement> {
    const settlement = await this.#line.submitDurable(record, reservation, this.#index);
    if (settlement === "spooled") this.capturedCount += 1;
    return settlement;
  }

  countLoss(route: number, reason: LossReason): void {
    this.#lossesOf(route).add(reason, 1);
  }

  losses(): Loss[] {
    return this.#losses.flatMap((route) => route.list());
  }

  #lossesOf(route: number): RouteLosses {
    return this.#losses[route] ?? this.#defaultLosses;
  }
}
