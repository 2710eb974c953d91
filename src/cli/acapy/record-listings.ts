/**
 * The records that an agent lists, kind by kind.
 *
 * Promise: all of a kind are read, page by page, one page in memory. A kind that the agent has no route for has none.
 */
import { z } from "zod";
import { SidestreamError } from "../../errors.ts";
import type { AgentApi } from "./agent-api.ts";

/** Exchanges come with all their content: some ten KiB each. */
const PAGE = 100;
const PAGES_MAX = 100_000;

export interface ListedRecord {
  readonly category: string;
  readonly id: string;
  readonly state: string;
  readonly createdMs: number;
  readonly updatedMs: number;
}

interface Listing {
  /** As the webhook of its events is called. */
  readonly category: string;
  readonly path: string;
  readonly id: string;
  /** Member of each result that is the record; null: the result itself. */
  readonly inside: string | null;
}

/**
 * Kinds that have no state or no list are not there, for nothing could be compared. Nor is discover_feature: agents keep
 * another state of it (query-sent) than they tell (disclose-received).
 */
const LISTINGS: readonly Listing[] = [
  { category: "connections", path: "/connections", id: "connection_id", inside: null },
  { category: "out_of_band", path: "/out-of-band/records", id: "oob_id", inside: null },
  { category: "issue_credential_v2_0", path: "/issue-credential-2.0/records", id: "cred_ex_id", inside: "cred_ex_record" },
  { category: "present_proof_v2_0", path: "/present-proof-2.0/records", id: "pres_ex_id", inside: null },
  { category: "mediation", path: "/mediation/requests", id: "mediation_id", inside: null },
  { category: "endorse_transaction", path: "/transactions", id: "transaction_id", inside: null },
];

export const CATEGORIES: readonly string[] = LISTINGS.map(({ category }) => category);

const text = z.string().nullish();
const answer = z.object({ results: z.array(z.looseObject({})) });
const common = z.looseObject({ state: text, created_at: text, updated_at: text });

/**
 * Every record of a wallet that has a state.
 *
 * @param api - In the name of the wallet.
 * @throws SidestreamError as `AgentApi.get`.
 */
export async function* listRecords(api: AgentApi, categories: readonly string[]): AsyncGenerator<ListedRecord> {
  for (const listing of LISTINGS) if (categories.includes(listing.category)) yield* listKind(api, listing);
}

async function* listKind(api: AgentApi, listing: Listing): AsyncGenerator<ListedRecord> {
  const seen = new Set<string>();
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const found = await api.find(`${listing.path}?limit=${PAGE}&offset=${page * PAGE}`, answer);
    if (found === null) return;
    const before = seen.size;
    for (const result of found.results) {
      const record = readRecord(listing, result);
      // A route that knows no pages answers each time with all.
      if (record === null || seen.has(record.id)) continue;
      seen.add(record.id);
      yield record;
    }
    if (found.results.length < PAGE || seen.size === before) return;
  }
  throw new SidestreamError("SST_AGENT_ANSWER", `${listing.path}: the agent lists more than ${PAGE * PAGES_MAX} records`);
}

/** Null: it has no state, or no time, and so can't be compared. */
function readRecord({ category, id: idName, inside }: Listing, result: object): ListedRecord | null {
  const parsed = common.safeParse(inside === null ? result : (result as Record<string, unknown>)[inside]);
  if (!parsed.success) return null;
  const { state, created_at: created, updated_at: updated, [idName]: id } = parsed.data;
  const [createdMs, updatedMs] = [momentOf(created), momentOf(updated)];
  if (typeof id !== "string" || typeof state !== "string" || Number.isNaN(updatedMs)) return null;
  return { category, id, state, createdMs: Number.isNaN(createdMs) ? 0 : createdMs, updatedMs };
}

/** Agents before 1.0 wrote a blank for the T. */
function momentOf(time: string | null | undefined): number {
  return Date.parse((time ?? "").replace(" ", "T"));
}
