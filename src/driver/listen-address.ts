/**
 * Addresses to listen on, as people write them: `:9130`, `127.0.0.1:9130`, `[::1]:9130`.
 *
 * Options keep the text, so that they stay plain data; a source reads it when it opens.
 */
import assert from "node:assert/strict";
import { isIP } from "node:net";
import { z } from "zod";

export interface ListenAddress {
  /** Null: every address of the machine. IPv6 without its brackets. */
  readonly host: string | null;
  /** 0: any free port. */
  readonly port: number;
}

const LISTEN = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9.-]{1,253}))?:(\d{1,5})$/;
const EXPECTED = "expected an address to listen on, such as :9130, 127.0.0.1:9130 or [::1]:9130";

/** Reads the text; undefined when it is no such address. */
export function readListenAddress(text: string): ListenAddress | undefined {
  const match = LISTEN.exec(text);
  if (match === null) return undefined;
  const port = Number(match[3]);
  return port > 65_535 ? undefined : { host: match[1] ?? match[2] ?? null, port };
}

/** True when only programs of this machine can reach the address. */
export function isLoopback({ host }: ListenAddress): boolean {
  if (host === null) return false;
  if (host.toLowerCase() === "localhost" || host === "::1") return true;
  return isIP(host) === 4 && host.startsWith("127.");
}

/** `http://127.0.0.1:9130` for the address that a server was given. */
export function addressUrl(address: string, port: number): string {
  return `http://${address.includes(":") ? `[${address}]` : address}:${port}`;
}

/** Schema of a `listen` option. */
export const listenText = z.string({ error: EXPECTED }).refine((text) => readListenAddress(text) !== undefined, { error: EXPECTED });

/** The same, read. */
export const listenAddress = listenText.transform((text): ListenAddress => {
  const address = readListenAddress(text);
  assert(address !== undefined, "the text was just found good");
  return address;
});
