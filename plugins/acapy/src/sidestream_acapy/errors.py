"""The errors that leave this package."""


class SidestreamError(Exception):
    """Whatever this plugin raises."""


class ConfigurationError(SidestreamError):
    """The configuration can't be used. Raised by `setup`, which stops the agent; it lists every fault."""


class JournalUnusable(SidestreamError):
    """The journal's folder can't be used, or another program writes it. Raised by `setup`."""


class JournalFull(SidestreamError):
    """An event could not be journaled in time, and `whenJournalFull` is `fail-closed`.

    It reaches the code of the agent that caused the event. What that code stored before stays stored, so a gap in
    the journal stands for the event.
    """


class Unserialisable(SidestreamError):
    """A payload that can't be written as JSON. Never leaves the package."""
