/** Finds ports for servers that stay their own while one of them is down. */
import { createServer } from "node:net";

/**
 * Below those that the system gives to outgoing connections (from 32768), and below those that other tests take
 * (from 20000); the default of the command line, 19092, is left out too.
 */
const PORTS: PortRange = { from: 10_000, to: 19_000 };

export interface PortRange {
  readonly from: number;
  /** The first that is none of them. */
  readonly to: number;
}

let taken = 0;

/**
 * The first of `count` ports in a row that nobody on this machine listens on.
 *
 * @param range - Servers of other kinds have ranges of their own, so that none takes what another has found.
 */
export async function freeBasePort(count: number, { from, to }: PortRange = PORTS): Promise<number> {
  const blocks = Math.floor((to - from) / count);
  for (let tries = 0; tries < blocks; tries++) {
    // Test processes that start at the same time have neighbouring ids; the factor keeps their blocks apart.
    const base = from + ((process.pid * 7 + taken++) % blocks) * count;
    const ports = Array.from({ length: count }, (_, index) => base + index);
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return base;
  }
  throw new Error(`no ${count} free ports in a row between ${from} and ${to}`);
}

/** Whether nobody listens on this port of the loopback interface. */
export async function isFree(port: number): Promise<boolean> {
  return await new Promise((done) => {
    const server = createServer();
    server.once("error", () => done(false));
    server.listen(port, "127.0.0.1", () => server.close(() => done(true)));
  });
}
