/** Events raised inside an agent: taken by nobody, by its own webhooks to a receiver that does nothing, by the plugin. */
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { markdownTable, median, quantile, whole } from "../figures.ts";
import { folderOf, probe, startJournaling, startProbed, type Site } from "./site.ts";

interface Pass {
  readonly eventsPerSecond: number;
  readonly medianMicroseconds: number;
  readonly p99Microseconds: number;
}

export async function inAgent(site: Site): Promise<string> {
  const { passes, events, webhooks } = site.extent;
  await using receiver = await startReceiver();
  await using stack = new AsyncDisposableStack();
  const bare = stack.use(await startProbed("bare"));
  const posting = stack.use(await startProbed("posting", { webhookUrls: [receiver.url] }));
  const journaling = stack.use(await startJournaling("journaling", folderOf(site, "journals")));
  const synced = stack.use(await startJournaling("synced", folderOf(site, "synced-journals"), { fsync: "batch" }));
  const found = { bare: [] as Pass[], posting: [] as Pass[], journaling: [] as Pass[], synced: [] as Pass[] };
  // The first pass warms up.
  for (let pass = 0; pass <= passes; pass += 1) {
    const each = {
      bare: passOf(await probe(bare, events)),
      posting: await postingPass(),
      journaling: passOf(await probe(journaling, events)),
      // Each of them waits for the disk.
      synced: passOf(await probe(synced, Math.floor(events / 50))),
    };
    site.tell(
      `pass ${pass} of ${passes}: ${Object.entries(each)
        .map(([name, { eventsPerSecond }]) => `${name} ${whole(eventsPerSecond)}/s`)
        .join(", ")}`,
    );
    if (pass > 0) for (const [name, one] of Object.entries(each)) found[name as keyof typeof found].push(one);
  }
  return report(found);

  async function postingPass(): Promise<Pass> {
    const startMs = performance.now();
    const before = receiver.count;
    const told = await probe(posting, webhooks);
    await receiver.until(before + webhooks);
    return { ...passOf(told), eventsPerSecond: (webhooks * 1000) / (performance.now() - startMs) };
  }
}

function passOf({ seconds, microseconds }: Awaited<ReturnType<typeof probe>>): Pass {
  return {
    eventsPerSecond: microseconds.length / seconds,
    medianMicroseconds: median(microseconds),
    p99Microseconds: quantile(microseconds, 0.99),
  };
}

function report(found: Readonly<Record<"bare" | "posting" | "journaling" | "synced", readonly Pass[]>>): string {
  const middle = (passes: readonly Pass[], of: keyof Pass): number => median(passes.map((pass) => pass[of]));
  const row = (title: string, passes: readonly Pass[]): string[] => [
    title,
    whole(middle(passes, "eventsPerSecond")),
    middle(passes, "medianMicroseconds").toFixed(1),
    middle(passes, "p99Microseconds").toFixed(1),
  ];
  const ratios = found.journaling.map((pass, index) => pass.eventsPerSecond / (found.posting[index]?.eventsPerSecond ?? NaN));
  // What the bus takes is in both; without it, what is left is the plugin's.
  const alone = found.journaling.map(
    (pass, index) =>
      1 / (1 / pass.eventsPerSecond - 1 / (found.bare[index]?.eventsPerSecond ?? NaN)) / (found.posting[index]?.eventsPerSecond ?? NaN),
  );
  const added = found.journaling.map((pass, index) => pass.medianMicroseconds - (found.bare[index]?.medianMicroseconds ?? NaN));
  return `${markdownTable([
    ["events of 600 B, raised one after another", "events/s", "`notify`, median µs", "99 %"],
    row("nobody takes them", found.bare),
    row("stock webhooks, until a receiver on this machine that does nothing has them", found.posting),
    row("the plugin, until they are in the journal", found.journaling),
    row("the plugin with `fsync: batch`, until they are on disk", found.synced),
  ])}
The journal takes ${median(ratios).toFixed(1)} times as many a second as webhooks (by itself, without what the bus takes, ${median(alone).toFixed(1)} times), and adds ${median(added).toFixed(1)} µs to \`notify\` (medians of ${ratios.length}).
`;
}

interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly count: number;
  until(count: number): Promise<void>;
}

/** Answers 200 to everything at once. */
async function startReceiver(): Promise<Receiver> {
  let count = 0;
  let wake: (() => void) | null = null;
  const server = createServer((request, response) => {
    request.resume().once("end", () => {
      response.end();
      count += 1;
      wake?.();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get count() {
      return count;
    },
    until: async (wanted) => {
      while (count < wanted) await new Promise<void>((resolve) => (wake = resolve));
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
