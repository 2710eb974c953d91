/** Starts an agent, pauses it, tells process id and folder in a line of JSON, and stays until it is killed. */
import { startAgent } from "../agent.ts";

const agent = await startAgent({ name: "held" });
const { pid, folder } = agent;
await agent.pause();
process.stdout.write(`${JSON.stringify({ pid, folder })}\n`);
process.stdin.resume();
