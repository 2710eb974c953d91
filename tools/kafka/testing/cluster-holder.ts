/** Starts a cluster, pauses its node, tells process id and folder in a line of JSON, and stays until it is killed. */
import { KafkaCluster } from "../cluster.ts";

const cluster = await KafkaCluster.start();
const pid = cluster.nodes[0]?.pid;
await cluster.pause();
process.stdout.write(`${JSON.stringify({ pid, folder: cluster.folder })}\n`);
process.stdin.resume();
