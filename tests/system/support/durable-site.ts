/** The program before a file destination, with a route that answers only what is on disk: what it answered must arrive. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import type { TestContext } from "node:test";
import { readMessages, type TransactionData } from "./messages.ts";
import { command, start, stop, statusWhen, type Program } from "./program.ts";
import { makeSite, post, type Site } from "./site.ts";

const SOURCE = ["capture: durable", "whenNoRoom: refuse", "onCaptureFailure: abort", "reserveWaitMs: 50"];
export const IN_FLIGHT_MAX = 50;

export class DurableSite {
  /** Numbers of the requests that were answered. */
  readonly answered: number[] = [];
  readonly data: string;
  readonly #test: TestContext;
  readonly #site: Site;
  #program: Program;
  #url = "";
  #sent = 0;

  private constructor(test: TestContext, site: Site, program: Program) {
    this.#test = test;
    this.#site = site;
    this.data = site.data;
    this.#program = program;
  }

  /** @param down - Whether the destination can't be written to at first. */
  static async start(
    test: TestContext,
    {
      data,
      down = false,
      environment = {},
    }: { readonly data: string; readonly down?: boolean; readonly environment?: Record<string, string> },
  ): Promise<DurableSite> {
    const site = await makeSite(test, { data, source: SOURCE, destination: `inFlightMax: ${IN_FLIGHT_MAX}, spool: { bytesMax: 16MiB }` });
    if (down) writeFileSync(site.events, "a file where the folder should be");
    const program = await start(test, ["--config", site.configuration], { env: environment });
    const durable = new DurableSite(test, site, program);
    durable.#url = `${program.address("front")}/things`;
    return durable;
  }

  get program(): Program {
    return this.#program;
  }

  destinationIsBack(): void {
    rmSync(this.#site.events);
    mkdirSync(this.#site.events);
  }

  /** Sends one request after the other; tells of each whether it was answered by the server behind. */
  async send(count: number, padding = ""): Promise<boolean[]> {
    const taken: boolean[] = [];
    for (let left = count; left > 0; left--) {
      const number = this.#sent++;
      const answer = await post(this.#url, { number, padding });
      ok(answer === null || answer.status === 201 || answer.status === 503, `status ${answer?.status}`);
      if (answer?.status === 201) this.answered.push(number);
      taken.push(answer?.status === 201);
    }
    return taken;
  }

  /** Whatever the disk does: it lives, and traffic may come, unless a log has stopped, which is said then. */
  async expectHealthy(): Promise<void> {
    const health = (await this.#program.logged("health checks and metrics")).address ?? "";
    equal((await fetch(`${health}/live`)).status, 200);
    const ready = await fetch(`${health}/ready`);
    const { reasons } = (await ready.json()) as { readonly reasons: readonly string[] };
    equal(ready.status, reasons.length === 0 ? 200 : 503);
    for (const reason of reasons) match(reason, /^out: SST_SPOOL_[A-Z_]+: .* The log has stopped\. .*restart Sidestream/);
  }

  async kill(): Promise<void> {
    this.#program.process.kill("SIGKILL");
    await this.#program.ended;
  }

  async startAgain(environment: Record<string, string> = {}): Promise<void> {
    this.#program = await start(this.#test, ["--config", this.#site.configuration], { env: environment });
    this.#url = `${this.#program.address("front")}/things`;
  }

  /** All that was answered arrives, in order, and nothing is unaccounted for. @param repeatsMax - How many may come twice. */
  async expectDelivered(repeatsMax: number): Promise<void> {
    const status = statusWhen(this.data, ({ totals }) => totals.pending === 0);
    deepEqual(status.breaches, []);
    const { accepted, delivered, dead, dropped } = status.totals;
    equal(accepted, delivered + dead + dropped);
    await stop(this.#program);
    const numbers = readMessages(this.#site.events).map(
      ({ data }) => ((data as TransactionData).request.body as { readonly number: number }).number,
    );
    const first = [...new Set(numbers)];
    deepEqual(
      this.answered.filter((number) => !first.includes(number)),
      [],
      "what was answered is there",
    );
    deepEqual(
      first,
      first.toSorted((a, b) => a - b),
      "in order",
    );
    ok(numbers.length - first.length <= repeatsMax, `${numbers.length - first.length} came twice`);
    const { status: exit, stdout, stderr } = command(["spool", "fsck", "--data", this.data, "--json"]);
    equal(exit, 0, stdout + stderr);
  }
}
