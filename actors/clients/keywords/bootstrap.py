"""The keyword ``bootstrap_servers``, which clients take that don't live in a cluster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from actors.network.addresses import Address, parse_server
from kstore.errors.arguments import shown
from kstore.errors.config import ConfigError

BOOTSTRAP = 'bootstrap_servers takes "host:port", with commas or as a list'


def bootstrap_addresses(servers: str | Iterable[str]) -> list[Address]:
    """Host and port of each of ``bootstrap_servers``: a text with commas or a list of texts; the port is 9092 without
    one, and an IPv6 address stands in brackets.

    Raises:
        ConfigError: there is none, or one isn't "host" or "host:port".

    >>> bootstrap_addresses("localhost:9092,PLAINTEXT://[::1]:9093")
    [('localhost', 9092), ('::1', 9093)]
    """
    if not isinstance(servers, str) and (isinstance(servers, (bytes, Mapping)) or not isinstance(servers, Iterable)):
        raise ConfigError(f"{BOOTSTRAP}; got {shown(servers)}")
    found = []
    for text in [servers] if isinstance(servers, str) else servers:
        if not isinstance(text, str):
            raise ConfigError(f"{BOOTSTRAP}; got {shown(text)}")
        for each in filter(str.strip, text.split(",")):
            try:
                found.append(parse_server(each))
            except ValueError as error:
                raise ConfigError(f"{BOOTSTRAP}; got {shown(each.strip())}: {error}") from None
    if not found:
        raise ConfigError('bootstrap_servers names no server; it takes "host:port", with commas or as a list')
    return found
