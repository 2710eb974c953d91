"""Raises events inside an agent, as fast as it can, and tells how long each took whoever raised it."""
