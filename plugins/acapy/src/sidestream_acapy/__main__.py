"""`python -m sidestream_acapy read FOLDER` prints the records of journals as JSON lines."""

import argparse
import json
import os
import sys

from .reading import journals_in, read_journal
from .version import VERSION

_OK, _DAMAGED, _USAGE = 0, 1, 2


def main() -> int:
    """Returns the exit status: 1 where something could not be read, 2 where there is no journal."""
    parser = argparse.ArgumentParser(prog="python -m sidestream_acapy", description=__doc__)
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(dest="command", required=True)
    read = commands.add_parser("read", help="print the records of a journal as JSON lines; they are personal data")
    read.add_argument("folder", help="a journal, or the folder of journals")
    try:
        return _read(parser.parse_args().folder)
    except BrokenPipeError:
        # Whoever read has enough; nothing is left to be flushed to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _OK


def _read(folder: str) -> int:
    try:
        journals = journals_in(folder)
    except OSError as error:
        print(f"{folder} can't be read: {error.strerror}", file=sys.stderr)
        return _USAGE
    if not journals:
        print(f"there is no journal in {folder}", file=sys.stderr)
        return _USAGE
    status = _OK
    for journal in journals:
        for found in read_journal(journal):
            if isinstance(found, str):
                print(f"{journal}: {found}", file=sys.stderr)
                status = _DAMAGED
            else:
                line = {"journal": os.path.basename(os.path.abspath(journal)), **found}
                print(json.dumps(line, separators=(",", ":")))
    return status


if __name__ == "__main__":
    sys.exit(main())
