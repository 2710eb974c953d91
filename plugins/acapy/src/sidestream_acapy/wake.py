"""Tells Sidestream that there is more to read, over a Unix socket.

Promise: nothing depends on it, and nothing waits for it. Who can't send drops the connection; the next heartbeat tries
again.

See docs/journal-format.md, section 5.
"""

import asyncio
import os
import socket
from collections.abc import Callable

_SOCKET = "wake"
_WAKE = b"w"
_ACK_MOVED = ord("a")
_WAKE_ASKED = ord("w")
# What the kernel takes as the address of a Unix socket, less its final zero.
PATH_BYTES_MAX = 107
_READ_BYTES = 4_096


class Wake:
    """The writer's end of the socket."""

    def __init__(self, journals: str, agent: str, on_ack: Callable[[], None]) -> None:
        self._path = os.path.join(journals, _SOCKET)
        self._hello = f"{agent}\n".encode()
        self._on_ack = on_ack
        self._socket: socket.socket | None = None
        # The reader asked to be woken, and wasn't yet.
        self._is_asked = False
        # Something was appended that the reader wasn't woken for.
        self._is_behind = False

    @property
    def problem(self) -> str | None:
        """Why there can be no socket; None: there can."""
        if len(os.fsencode(self._path)) <= PATH_BYTES_MAX:
            return None
        return (
            f"{self._path} is longer than the {PATH_BYTES_MAX} bytes that a socket's path may have: "
            "events are noticed half a second later"
        )

    def connect(self) -> None:
        """Connects, unless it is; where nobody listens, nothing happens. To be called every few seconds."""
        if self._socket is not None or self.problem is not None:
            return
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            connection.connect(self._path)
            connection.send(self._hello)
            asyncio.get_running_loop().add_reader(connection.fileno(), self._read)
        except (OSError, NotImplementedError):
            connection.close()
            return
        self._socket = connection
        self._is_asked = self._is_behind = False

    def appended(self) -> None:
        """Something was appended."""
        if self._is_asked:
            self._send()
        else:
            self._is_behind = True

    def close(self) -> None:
        """Again is harmless."""
        connection, self._socket = self._socket, None
        self._is_asked = False
        if connection is None:
            return
        try:
            asyncio.get_running_loop().remove_reader(connection.fileno())
        except RuntimeError:
            # The loop is gone, and its readers with it.
            pass
        connection.close()

    def _send(self) -> None:
        self._is_asked = self._is_behind = False
        try:
            if self._socket is not None:
                self._socket.send(_WAKE)
        except OSError:
            self.close()

    def _read(self) -> None:
        try:
            received = self._socket.recv(_READ_BYTES) if self._socket is not None else b""
        except BlockingIOError:
            return
        except OSError:
            received = b""
        if not received:
            self.close()
            return
        if _WAKE_ASKED in received:
            self._is_asked = True
            if self._is_behind:
                self._send()
        if _ACK_MOVED in received:
            self._on_ack()
