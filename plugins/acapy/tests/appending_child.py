"""A program that journals until it is killed, and reports the sequence of each event whose append has returned."""

import os
import sys
from zlib import crc32

from sidestream_acapy.journal import Journal, JournalSettings


def main() -> None:
    settings = JournalSettings(
        journals=sys.argv[1], agent="agent-1", qos="exactly-once", bytes_max=2**30, segment_bytes=64 * 1024
    )
    journal = Journal(settings, lambda _folder, error: sys.exit(str(error)))
    number = 0
    while True:
        number += 1
        body = b"%d/" % number * (1 + number * 7919 % 997)
        payload = b'{"n":%d,"crc":%d,"body":"%s"}' % (number, crc32(body), body)
        if number % 13 == 0:
            journal.give_up("full", number)
        if number % 50 == 0:
            journal.remove_acknowledged()
        if journal.append(number, b'{"topic":"acapy::record::x"}', payload) is not None:
            sys.exit("there is no room")
        os.write(1, b"%d\n" % journal.sequence)


main()
