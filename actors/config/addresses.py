"""``max.connections.per.ip.overrides``: client addresses that have a limit of their own."""

from __future__ import annotations

from collections.abc import Mapping

from actors.config.definition import ConfigError


def limits_of_addresses(text: str) -> Mapping[str, int]:
    """How many connections each address may have.

    Raises:
        ConfigError: an entry isn't an address and a number.

    >>> limits_of_addresses("127.0.0.1:200, ::1:50")
    {'127.0.0.1': 200, '::1': 50}
    """
    found = {}
    for entry in filter(None, map(str.strip, text.split(","))):
        host, _, count = entry.rpartition(":")
        if not host or not (count.isascii() and count.isdigit()):
            raise ConfigError(
                f"Invalid value {entry} for configuration max.connections.per.ip.overrides: "
                "it takes address:number, as in 127.0.0.1:200"
            )
        found[host] = int(count)
    return found
