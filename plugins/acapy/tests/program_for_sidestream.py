"""Stands for the program `sidestream` as far as the plugin meets it: how it is called, ends, and is ended.

The environment says what it does: STATUS_OF_VALIDATE, LIVES (how often `run` stays; else it ends with 1 at once),
IGNORES_TERM. It writes a line for each call, and for its end, to the file in the environment's CALLS.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path


def tell(*words: object) -> None:
    with Path(os.environ["CALLS"]).open("a") as file:
        file.write(json.dumps([*words]) + "\n")


def main() -> None:
    tell("called", os.getpid(), *sys.argv[1:])
    if sys.argv[1] == "validate":
        print("the file says: no")
        sys.exit(int(os.environ.get("STATUS_OF_VALIDATE", "0")))
    runs = [line for line in Path(os.environ["CALLS"]).read_text().splitlines() if '"run"' in line]
    if len(runs) <= int(os.environ.get("ENDS_AT_ONCE", "0")):
        sys.exit(1)

    def end(_number: int, _frame: object) -> None:
        tell("asked to end")
        if "IGNORES_TERM" not in os.environ:
            sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    tell("runs")
    while True:
        time.sleep(60)


main()
