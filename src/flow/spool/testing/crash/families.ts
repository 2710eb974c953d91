/** The families of histories, and the order in which a search takes them. */
import { DAMAGE_FAMILY, searchDamage } from "./damaged-histories.ts";
import { DISPATCH_FAMILY, searchDispatch } from "./dispatch-histories.ts";
import { LONG_FAMILY, searchLong } from "./long-histories.ts";
import { READER_FAMILY, searchReader } from "./reader-histories.ts";
import { FAULT_FAMILY, searchFault, searchShort, SHORT_COUNT, SHORT_FAMILY } from "./short-histories.ts";
import { FoundViolation, type Search } from "./search.ts";

export interface Family {
  readonly name: string;
  /** For the table of results. */
  readonly summary: string;
  /** Its points are crashes on a disk that keeps its word; otherwise the disk was damaged, or somebody only looked. */
  readonly isCrash: boolean;
  /** How many of its histories are taken in a turn. */
  readonly share: number;
  /** False when there is no history of this number, nor of any later one with the same remainder. */
  search(search: Search, number: number): Promise<boolean>;
}

function endless(search: (search: Search, number: number) => Promise<void>): Family["search"] {
  return (each, number) => search(each, number).then(() => true);
}

export const FAMILIES: readonly Family[] = [
  {
    name: SHORT_FAMILY,
    summary: "short histories, every state",
    isCrash: true,
    share: 4,
    search: async (search, number) => {
      if (number >= SHORT_COUNT) return false;
      await searchShort(search, number);
      return true;
    },
  },
  { name: FAULT_FAMILY, summary: "each operation fails in turn", isCrash: true, share: 8, search: searchFault },
  { name: LONG_FAMILY, summary: "random, several lives", isCrash: true, share: 3, search: endless(searchLong) },
  { name: DISPATCH_FAMILY, summary: "random, with the dispatcher", isCrash: true, share: 2, search: endless(searchDispatch) },
  { name: DAMAGE_FAMILY, summary: "random, then damaged", isCrash: false, share: 2, search: endless(searchDamage) },
  { name: READER_FAMILY, summary: "random, with a reader beside", isCrash: false, share: 1, search: endless(searchReader) },
];

/** One of several that search at the same time. */
export interface Part {
  readonly part: number;
  readonly of: number;
}

/**
 * Searches until it is over, or the families have no more histories.
 *
 * @param found - Told of each violation; false ends the search.
 */
export async function searchFamilies(
  search: Search,
  families: readonly Family[],
  { part, of }: Part,
  found: (violation: FoundViolation) => boolean,
): Promise<void> {
  const next = new Map(families.map((family) => [family, part]));
  while (next.size > 0) {
    for (const family of families) {
      for (let left = family.share; left > 0; left--) {
        const number = next.get(family);
        if (number === undefined) break;
        if (search.isOver) return;
        next.set(family, number + of);
        const outcome = await outcomeOf(family, search, number);
        if (outcome === false) next.delete(family);
        if (typeof outcome === "object" && !found(outcome)) return;
      }
    }
  }
}

async function outcomeOf(family: Family, search: Search, number: number): Promise<boolean | FoundViolation> {
  try {
    return await family.search(search, number);
  } catch (error) {
    if (error instanceof FoundViolation) return error;
    throw error;
  }
}

/** Goes to a place. @returns What was found there, or null. */
export async function searchPlace(search: Search): Promise<FoundViolation | null> {
  const { only } = search;
  const family = FAMILIES.find(({ name }) => name === only?.family);
  if (only === null || family === undefined) throw new RangeError(`there is no family ${only?.family}`);
  const outcome = await outcomeOf(family, search, only.history);
  return typeof outcome === "object" ? outcome : null;
}
