"""Becomes another program that gets SIGTERM when the process that started it is gone, however that ended.

Run as a script, so that nothing has to be done between fork and exec in an agent with threads. Arguments: the process
id of the parent, the command.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Doesn't return."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(sys.argv[1]):
        # It was gone before it could be asked for.
        sys.exit(0)
    os.execvp(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
