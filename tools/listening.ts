/** Looks up in /proc whose a port is. */
import { readFileSync, readdirSync, readlinkSync } from "node:fs";

/** In the state column of /proc/net/tcp. */
const LISTEN = "0A";

/** Who listens on a port of IPv4: that process, another one, or nobody. */
export function listener(port: number, pid: number): "this" | "another" | "nobody" {
  const sockets = listeningSockets(port);
  if (sockets.size === 0) return "nobody";
  return socketsOf(pid).some((socket) => sockets.has(socket)) ? "this" : "another";
}

function listeningSockets(port: number): ReadonlySet<string> {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  // The columns: number, local address, remote address, state, queues, timer, retransmits, user, timeout, inode.
  const rows = readFileSync("/proc/net/tcp", "utf8").trim().split("\n").slice(1);
  const columns = rows.map((row) => row.trim().split(/\s+/u));
  return new Set(columns.filter(([, address, , state]) => address?.endsWith(local) && state === LISTEN).map((row) => `socket:[${row[9]}]`));
}

function socketsOf(pid: number): readonly string[] {
  const folder = `/proc/${pid}/fd`;
  return namesOf(folder).map((descriptor) => {
    try {
      return readlinkSync(`${folder}/${descriptor}`);
    } catch {
      // It was closed since.
      return "";
    }
  });
}

function namesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    // The process has ended.
    return [];
  }
}
