/**
 * Which keys may send which events.
 *
 * Promise: an agent's key may send the events of every wallet, a wallet's key that wallet's alone; once there is any
 * key, nothing comes in without one. Keys are compared in constant time.
 */
import { createHash, timingSafeEqual } from "node:crypto";

export class WebhookKeys {
  readonly #ofAgents: readonly Buffer[];
  readonly #ofWallets: ReadonlyMap<string, Buffer>;

  constructor(ofAgents: readonly string[], ofWallets: Readonly<Record<string, string>>) {
    this.#ofAgents = ofAgents.map(digest);
    this.#ofWallets = new Map(Object.entries(ofWallets).map(([wallet, key]) => [wallet, digest(key)]));
  }

  /** @param sent - Values of x-api-key, as they came: one that stands there twice is none. */
  allow(sent: readonly string[], wallet: string | null): boolean {
    if (this.#ofAgents.length === 0 && this.#ofWallets.size === 0) return true;
    const [key] = sent;
    if (key === undefined || sent.length > 1) return false;
    const given = digest(key);
    const ofWallet = wallet === null ? undefined : this.#ofWallets.get(wallet);
    let allowed = ofWallet !== undefined && timingSafeEqual(given, ofWallet);
    // All of them are looked at, so that the time doesn't tell which one was right.
    for (const ofAgent of this.#ofAgents) allowed = timingSafeEqual(given, ofAgent) || allowed;
    return allowed;
  }
}

/** Of one length, whatever was sent. */
function digest(key: string): Buffer {
  return createHash("sha256").update(key, "latin1").digest();
}
