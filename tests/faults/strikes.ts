/** What each kind of fault does. After it all is as it was: brokers run, the network is whole, Sidestream serves. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Direction } from "../../tools/faults/proxy.ts";
import { describeTopic } from "../../tools/kafka/topics.ts";
import { aim, forgetInDoubt, heal } from "./aims.ts";
import type { Fault, Kind } from "./plan.ts";
import { TOPIC, type Stage } from "./stage.ts";

/** How long faults last, in milliseconds: from the first up to the second. */
const LASTS_MS = {
  cut: [0, 500],
  network: [300, 3_500],
  brokerDown: [0, 1_000],
  /** Below the time that brokers remember a producer, by much: what was under way meanwhile comes then. */
  brokerStop: [300, 4_000],
  stop: [300, 2_500],
  disk: [500, 2_000],
} as const satisfies Record<string, readonly [number, number]>;
const DELAY_MS: readonly [number, number] = [20, 320];
const SLOW_BYTES_PER_SECOND = 20_000;
/** A request that was held comes behind those of the next life, which takes so long to send some. */
const LATE_MS_MAX = 3_000;

type Act = (fault: Fault, stage: Stage) => Promise<void>;

const ACTS: Readonly<Record<Kind, Act>> = {
  kill: async (fault, stage) => {
    await aim(fault, stage, async () => await stage.sidestream.kill());
    // Half of those that were on their way arrive in the next life.
    if (fault.moment !== "request" || fault.lasts < 0.5) await heal(stage);
    const sent =
      fault.moment === "request"
        ? stage.moments.request({ api: "produce", state: "answered" }, LATE_MS_MAX, () => undefined)
        : Promise.resolve();
    await stage.sidestream.start();
    await sent;
  },
  terminate: async (_, stage) => await stage.sidestream.terminate(),
  stop: async (fault, stage) => {
    await aim(fault, stage, () => stage.sidestream.pause());
    await lasting(fault, LASTS_MS.stop);
    stage.sidestream.resume();
  },
  "broker kill": async (fault, stage) => {
    const node = await leader(fault, stage);
    await aim(fault, stage, async () => await stage.cluster.kill(node));
    await lasting(fault, LASTS_MS.brokerDown);
  },
  "broker stop": async (fault, stage) => {
    const node = await leader(fault, stage);
    await aim(fault, stage, async () => await stage.cluster.pause(node));
    await lasting(fault, LASTS_MS.brokerStop);
    stage.cluster.resume(node);
  },
  cut: async (fault, stage) => {
    await network(fault, stage, (proxy) => proxy.cut("both", fault.after < 0.5 ? "reset" : "end"), LASTS_MS.cut);
  },
  "half-open": async (fault, stage) => {
    await network(fault, stage, (proxy) => proxy.cut(way(fault), fault.after < 0.5 ? "reset" : "end"), LASTS_MS.network);
  },
  refuse: async (fault, stage) => {
    const refuse = (proxy: Proxy): void => {
      proxy.refuse();
      proxy.cut("both", "reset");
    };
    await network(fault, stage, refuse, LASTS_MS.network);
  },
  swallow: async (fault, stage) => await network(fault, stage, (proxy) => proxy.swallow(way(fault)), LASTS_MS.network),
  hold: async (fault, stage) => await network(fault, stage, (proxy) => proxy.hold(way(fault)), LASTS_MS.network),
  delay: async (fault, stage) => {
    await network(fault, stage, (proxy) => proxy.delay("both", between(fault.after, DELAY_MS)), LASTS_MS.network);
  },
  slow: async (fault, stage) => {
    await network(fault, stage, (proxy) => proxy.slow(way(fault), SLOW_BYTES_PER_SECOND), LASTS_MS.network);
  },
  outage: async (fault, stage) => {
    if (fault.moment === "read-back") await aim(fault, stage, async () => await stage.sidestream.kill());
    else await forgetInDoubt(fault.moment, stage);
  },
  "full disk": async (fault, stage) => {
    stage.disk?.fill();
    await lasting(fault, LASTS_MS.disk);
    // It starts on a full disk, too.
    if (fault.where < 0.5) {
      await stage.sidestream.kill();
      await stage.sidestream.start();
    }
    stage.disk?.makeRoom();
  },
};

/** Does a fault and sets all right again. @throws Error when that can't be done. */
export async function strike(fault: Fault, stage: Stage): Promise<void> {
  await ACTS[fault.kind](fault, stage);
  await heal(stage);
  for (const { id, pid } of stage.cluster.nodes) if (pid === null) await stage.cluster.start(id);
  await stage.sidestream.serving();
}

type Proxy = Stage["proxies"][number];

async function network(fault: Fault, stage: Stage, hit: (proxy: Proxy) => void, lastsMs: readonly [number, number]): Promise<void> {
  await aim(fault, stage, () => stage.proxies.forEach(hit));
  await lasting(fault, lastsMs);
}

const way = ({ where }: Fault): Direction => (where < 0.5 ? "to-server" : "to-client");
const between = (chance: number, [from, to]: readonly [number, number]): number => from + chance * (to - from);

async function lasting({ lasts }: Fault, bounds: readonly [number, number]): Promise<void> {
  await sleep(between(lasts, bounds));
}

/** The node that leads one of the partitions. */
async function leader({ where }: Fault, { cluster }: Stage): Promise<number> {
  const partitions = await describeTopic(cluster, TOPIC);
  const found = partitions[Math.floor(where * partitions.length)]?.leader ?? -1;
  return cluster.nodes.find(({ id }) => id === found)?.id ?? 1;
}
