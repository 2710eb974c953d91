"""Runs a local Sidestream for as long as the agent runs.

Promise: while the agent runs, one is running or is started again after a pause that grows to half a minute. At the
agent's end it gets SIGTERM, and SIGKILL ten seconds later; it doesn't outlive an agent that was killed.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic

from .errors import ConfigurationError

_LOGGER = logging.getLogger(__package__)

_PAUSE_SECONDS_MIN = 1.0
_PAUSE_SECONDS_MAX = 30.0
# Who ran so long was well; the next pause is short again.
_WELL_SECONDS = 60.0
_END_SECONDS_MAX = 10.0
_VALIDATE_SECONDS_MAX = 60.0
_SAID_CHARS_MAX = 4_000
# EX_CONFIG, as Sidestream ends for a wrong configuration.
_STATUS_CONFIG = 78
_STANDARD_ERROR = 2


async def validate(command: Sequence[str], path: str) -> None:
    """Asks Sidestream whether it takes a configuration. Raises ConfigurationError when it doesn't."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            "validate",
            path,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except OSError as error:
        raise ConfigurationError(f"sidestream.command: {command[0]} can't be started: {error}") from error
    try:
        async with asyncio.timeout(_VALIDATE_SECONDS_MAX):
            said, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        _LOGGER.warning("sidestream: %s validate took too long; it is started all the same", command[0])
        return
    if process.returncode == _STATUS_CONFIG:
        text = said.decode("utf-8", "replace")[:_SAID_CHARS_MAX].rstrip()
        raise ConfigurationError(f"sidestream: Sidestream refuses its configuration (sidestream.run):\n{text}")
    if process.returncode != 0:
        text = said.decode("utf-8", "replace")[:_SAID_CHARS_MAX].rstrip()
        raise ConfigurationError(
            f"sidestream.command: {command[0]} validate ended with {process.returncode}; is it Sidestream?\n{text}"
        )


class Supervisor:
    """Keeps one Sidestream running."""

    def __init__(self, command: Sequence[str], path: str, on_ended: Callable[[str | None], None]) -> None:
        self._command = (*command, "run", "--config", path)
        # Told why Sidestream isn't running; None: it is.
        self._on_ended = on_ended
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._life: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts it in the background."""
        self._life = asyncio.get_running_loop().create_task(self._live(), name="sidestream-supervisor")

    def stop(self) -> None:
        """Has it end; again is harmless. The agent's loop waits for it at its own end."""
        if self._stopping.is_set() or self._life is None:
            return
        self._stopping.set()
        self._signal(signal.SIGTERM)
        with suppress(RuntimeError):
            asyncio.get_running_loop().call_later(_END_SECONDS_MAX, self._signal, signal.SIGKILL)

    async def ended(self) -> None:
        """Settles when it is gone."""
        if self._life is not None:
            await self._life

    async def _live(self) -> None:
        pause = _PAUSE_SECONDS_MIN
        try:
            while not self._stopping.is_set():
                began = monotonic()
                status = await self._run_once()
                if self._stopping.is_set():
                    return
                if monotonic() - began >= _WELL_SECONDS:
                    pause = _PAUSE_SECONDS_MIN
                if status == _STATUS_CONFIG:
                    pause = _PAUSE_SECONDS_MAX
                self._on_ended(f"Sidestream ended with {status}; it is started again after a pause of {pause:.0f} s")
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._stopping.wait()
                pause = min(_PAUSE_SECONDS_MAX, pause * 2)
        except asyncio.CancelledError:
            # The agent's loop ends, and waits for this.
            pass
        finally:
            await self._end()

    async def _run_once(self) -> int | str:
        shim = str(Path(__file__).with_name("end_with_parent.py"))
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-IS",
                shim,
                str(os.getpid()),
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=_STANDARD_ERROR,
                stderr=_STANDARD_ERROR,
                # Ctrl-C in a terminal is for the agent, which ends this one in its turn.
                start_new_session=True,
            )
        except OSError as error:
            return str(error)
        if self._stopping.is_set():
            self._signal(signal.SIGTERM)
        self._on_ended(None)
        _LOGGER.info("sidestream: Sidestream runs as process %d", self._process.pid)
        return await self._process.wait()

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        self._stopping.set()
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_END_SECONDS_MAX):
                await process.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await process.wait()

    def _signal(self, which: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(which)
