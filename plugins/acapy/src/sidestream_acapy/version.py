"""Version of the plugin, written into each segment for people to see."""

VERSION = "0.1.0"
WRITER = f"sidestream-acapy {VERSION}"
