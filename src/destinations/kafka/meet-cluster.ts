/** Makes sure that a cluster is the one that this spool's messages went to before. */
import type { DestinationMemory } from "../../driver/destination.ts";
import { SidestreamError } from "../../errors.ts";
import type { Found } from "./found.ts";
import { CLUSTER_RECORD, clusterIn, type ClusterRecord } from "./memory-records.ts";

/**
 * The first cluster that is met is taken.
 *
 * @param name - Of the destination.
 * @throws SidestreamError `SST_IDENTITY_CHANGED` when it is another one than in the memory.
 */
export async function meetCluster(name: string, id: string, memory: DestinationMemory, found: Found): Promise<void> {
  const known = clusterIn(memory);
  if (known === null) {
    await memory.set(CLUSTER_RECORD, { id } satisfies ClusterRecord);
    return;
  }
  if (known.id === id) {
    found.clusterIsWell();
    return;
  }
  found.clusterChanged(id);
  await found.settled;
  throw clusterChangedError(name, known.id, id);
}

export function clusterChangedError(name: string, was: string, is: string): SidestreamError {
  return new SidestreamError("SST_IDENTITY_CHANGED", `${name}: the cluster is not the one that was written to: it was ${was} and is ${is}`);
}
