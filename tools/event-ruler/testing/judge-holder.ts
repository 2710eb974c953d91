/** Starts a judge, tells its process id once it has answered, and stays until it is killed. */
import { Judge } from "../judge.ts";

const judge = await Judge.start();
await judge.ask({ rules: [], events: [] });
process.stdout.write(`${judge.pid}\n`);
process.stdin.resume();
