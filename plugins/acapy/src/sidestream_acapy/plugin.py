"""Sets the plugin up in an agent, and ends it."""

import asyncio
import atexit
import logging
import os
from importlib import import_module
from typing import Any

from .bounded_log import BoundedLog
from .bus import claim, release, subscribe, wrap
from .errors import JournalUnusable, SidestreamError
from .heartbeat import Heartbeat
from .intake import HoldPolicy, Intake
from .journal import Journal, JournalSettings
from .options import Options, read_options
from .recorder import Recorder
from .sidestream_files import configuration, write_files
from .supervisor import Supervisor, validate
from .sync import BatchSync
from .topics import TopicFilter
from .wake import Wake

_LOGGER = logging.getLogger(__package__)


async def setup(context: Any) -> None:
    """Called by the agent when it starts. What it raises stops the agent, which is better than silence."""
    options = read_options(context.settings)
    await Plugin(options, context.inject(_event_bus_class())).start()


def _event_bus_class() -> Any:
    # The agent is there when this is called, and needn't be for anything else in this package.
    try:
        return import_module("acapy_agent.core.event_bus").EventBus
    except ImportError:
        # Its name before version 1.1.
        return import_module("aries_cloudagent.core.event_bus").EventBus


class Plugin:
    """One agent's journal, and what feeds it."""

    def __init__(self, options: Options, bus: Any) -> None:
        self._options = options
        self._bus = bus
        self._log = BoundedLog(_LOGGER)
        self._life: asyncio.Task[None] | None = None
        self._is_stopped = False
        self._is_closed = False
        # What the disk said since the last heartbeat, and what the operator was told of it.
        self._trouble: str | None = None
        self._told_trouble: str | None = None
        self._told_of_sidestream: str | None = None
        self.supervisor: Supervisor | None = None

    async def start(self) -> None:
        """Opens the journal and takes the bus. Raises SidestreamError."""
        claim(self._bus)
        try:
            self._open()
            try:
                await self._prepare_sidestream()
            except SidestreamError:
                self.journal.close()
                raise
        except SidestreamError:
            release(self._bus)
            raise
        self._take_bus()
        self.wake.connect()
        self._beat()
        self._life = asyncio.get_running_loop().create_task(self._live(), name="sidestream")
        if self.supervisor is not None:
            self.supervisor.start()
        atexit.register(self.close)
        _LOGGER.info("sidestream: events go to the journal %s", self.journal.folder.path)

    def stop(self) -> None:
        """The agent shuts down. What it still notifies is journaled, but nothing waits any more; again is harmless."""
        if self._is_stopped:
            return
        self._is_stopped = True
        self.intake.stop_holding()
        self.intake.flush_gaps(at_end=True)
        self.wake.close()
        if self.supervisor is not None:
            self.supervisor.stop()
        self._beat()

    def close(self) -> None:
        """Ends everything; again is harmless. What is notified later is not journaled."""
        if self._is_closed:
            return
        self.stop()
        self._is_closed = True
        atexit.unregister(self.close)
        self.intake.flush_gaps(at_end=True)
        if self.sync is not None:
            self.sync.close()
        self._beat()
        self.journal.close()
        if self._life is not None and not self._life.done():
            self._life.cancel()

    def _open(self) -> None:
        options = self._options
        self.journal = Journal(
            JournalSettings(
                journals=options.journals,
                agent=options.agent,
                qos=options.qos,
                bytes_max=options.bytes_max,
                segment_bytes=options.segment_bytes,
                syncs=options.syncs,
            ),
            self._on_write_failed,
        )
        self.heartbeat = Heartbeat(
            self.journal.folder.path,
            boot=self.journal.boot.hex(),
            agent=options.agent,
            qos=options.qos,
            every_ms=options.heartbeat_ms,
        )
        self.wake = Wake(options.journals, options.agent, self._on_ack)
        if self.wake.problem is not None:
            self._notice(self.wake.problem)
        self.sync = self._make_sync() if options.syncs else None

    async def _prepare_sidestream(self) -> None:
        """Writes what a Sidestream needs that is started here, and has it look at that."""
        options = self._options
        spawn = options.spawn
        for warning in options.warnings:
            self._notice(warning)
        if not spawn.command and not spawn.streams:
            return
        written = configuration(journals=options.journals, agent=options.agent, run=spawn.run, streams=spawn.streams)
        try:
            path = write_files(options.journals, written if spawn.command else None, spawn.streams)
        except OSError as error:
            raise JournalUnusable(f"the files for Sidestream can't be written: {error}") from error
        if not spawn.command:
            _LOGGER.info("sidestream: streams for Sidestream are in %s", os.path.dirname(path))
            return
        await validate(spawn.command, path)
        self.supervisor = Supervisor(spawn.command, path, self._on_sidestream)

    def _make_sync(self) -> BatchSync:
        return BatchSync(
            self.journal,
            every_seconds=self._options.fsync_ms / 1_000,
            fails_closed=self._options.fails_closed,
            on_trouble=self._on_sync_failed,
        )

    def _take_bus(self) -> None:
        options = self._options
        problem = wrap(self._bus, self._take, self.stop, self._log)
        is_wrapped = problem is None
        policy = HoldPolicy(
            holds=is_wrapped and options.qos != "at-most-once",
            hold_seconds=options.hold_ms_max / 1_000,
            fails_closed=is_wrapped and options.fails_closed,
            waits_for_sync=is_wrapped,
        )
        self.intake = Intake(self.journal, policy, self.sync, self._log, self.wake.appended)
        self.recorder = Recorder(TopicFilter(options.selection), self.intake, options.event_bytes_max)
        if not is_wrapped:
            self._notice(
                f"the agent's event bus can't be wrapped, {problem}: events are taken as a subscriber, "
                "so their order may differ, and the agent is never held: whenJournalFull and fsync bind it to nothing"
            )
            subscribe(self._bus, options.selection.regex(), self._take, self.stop, self._log)

    def _take(self, profile: Any, event: Any) -> Any:
        return None if self._is_closed else self.recorder.take(profile, event)

    async def _live(self) -> None:
        """Until the agent's loop ends, which cancels it."""
        try:
            while True:
                await asyncio.sleep(self._options.heartbeat_ms / 1_000)
                if not self._is_stopped:
                    self._work()
        finally:
            self.close()

    def _work(self) -> None:
        try:
            self._follow_folder()
            self.journal.remove_acknowledged()
            self.intake.look_again()
            self.intake.flush_gaps()
            self.wake.connect()
            self._tell_trouble()
        except Exception as error:
            self._log.warn("work", "the regular work on the journal failed", error)
        self._beat()

    def _follow_folder(self) -> None:
        try:
            is_new = self.journal.follow_folder()
        except JournalUnusable as error:
            self._log.warn("folder", "the journal was removed while the agent runs, and can't be made again", error)
            return
        if is_new:
            self._notice(
                f"{self.journal.folder.path} was removed while the agent ran, and is made again: what stood there and "
                "wasn't read is lost, and so is what was raised in the last seconds before"
            )

    def _beat(self) -> None:
        # Where another agent has the folder, the file is that one's.
        if not self.journal.folder.is_held:
            return
        try:
            self.heartbeat.write(sequence=self.journal.sequence, dropped=self.journal.dropped, stopped=self._is_stopped)
        except OSError as error:
            self._log.warn("heartbeat", "the heartbeat could not be written", error)

    def _on_ack(self) -> None:
        self.journal.remove_acknowledged()
        self.intake.look_again()

    def _on_write_failed(self, folder: str, error: OSError) -> None:
        self._trouble = f"writing to {folder} fails: {os.strerror(error.errno or 0)}"
        self._log.warn("write", f"writing to {folder} failed", error)

    def _on_sync_failed(self, text: str, error: BaseException) -> None:
        self._trouble = f"{text}: {error}"
        self._log.warn("sync", text, error)

    def _on_sidestream(self, problem: str | None) -> None:
        if self._told_of_sidestream is not None:
            self.heartbeat.withdraw_notice(self._told_of_sidestream)
        self._told_of_sidestream = problem
        if problem is not None:
            self._notice(problem)

    def _tell_trouble(self) -> None:
        trouble, self._trouble = self._trouble, None
        if trouble == self._told_trouble:
            return
        if self._told_trouble is not None:
            self.heartbeat.withdraw_notice(self._told_trouble)
        if trouble is not None:
            self.heartbeat.add_notice(trouble)
        self._told_trouble = trouble

    def _notice(self, text: str) -> None:
        self.heartbeat.add_notice(text)
        _LOGGER.warning("sidestream: %s", text)
