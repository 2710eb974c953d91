/**
 * Ends the brokers of a test together with the test's process, however that ends.
 *
 * A shell waits for the end of its standard input, which comes when this process calls {@link Guard.end} or is killed.
 * It then kills the brokers, stopped ones too, and removes their folder.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { Socket } from "node:net";

/** In the folder of a cluster: a file per running node with its process id. */
export const PIDS = "pids";

/**
 * Becomes the command once its process id is written down. Arguments: the cluster's folder, the node's name, the command.
 *
 * The id is written first, and moved into place: when the folder of the ids is gone, nothing is started any more.
 */
export const START_COMMAND = `echo $$ >"$1/$2.pid" && mv "$1/$2.pid" "$1/${PIDS}/$2" && shift 2 && exec "$@"`;

/**
 * Arguments: the cluster's folder, and whether to remove it.
 *
 * Moving the ids away keeps a broker that is being started from starting after the look. A process that has the id but
 * not the folder in its command line is another's. A broker writes until its end, so that one removal may not be enough.
 */
const GUARD_COMMAND = `
while read -r _; do :; done
mv "$1/${PIDS}" "$1/ended"
for file in "$1"/ended/*; do
  if [ -f "$file" ] && read -r pid <"$file" && grep -qsF -- "$1/" "/proc/$pid/cmdline"; then kill -9 "$pid"; fi
done
rm -rf "$1/ended"
if [ "$2" = keep ]; then exit 0; fi
for try in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf "$1"
  if ! [ -e "$1" ]; then exit 0; fi
  sleep 0.2
done
`;

export class Guard {
  readonly #process: ChildProcess;

  constructor(folder: string, after: "keep" | "remove") {
    // Its own session: Ctrl-C in a terminal must end the test, not the guard.
    this.#process = spawn("sh", ["-c", GUARD_COMMAND, "sh", folder, after], { stdio: ["pipe", "ignore", "ignore"], detached: true });
    // It keeps no test process from ending.
    this.#process.unref();
    if (this.#process.stdin instanceof Socket) this.#process.stdin.unref();
  }

  /** Kills the brokers; settles once they and, if so asked, the folder are gone. Again is harmless. */
  async end(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.ref();
    const ended = once(this.#process, "exit");
    this.#process.stdin?.end();
    await ended;
  }
}
