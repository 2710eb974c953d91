/** A process that locks a data folder, says so and holds the lock until it is ended. For the lock's test. */
import { lockDataFolder } from "../lock.ts";
import { isSidestreamError } from "../../../errors.ts";

try {
  await lockDataFolder(process.argv[2] ?? "");
  process.stdout.write("locked\n");
  process.stdin.resume();
} catch (error) {
  process.stdout.write(`${isSidestreamError(error) ? error.code : String(error)}\n`);
}
