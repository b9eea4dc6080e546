"""Advertised listeners: the addresses that clients connect to (Kafka's ``advertised.listeners``).

There is one for each broker and listener. They may differ from the addresses that brokers listen on: in a container, or
behind a forwarded port, clients reach a broker under another host or port. Names are advertised as given; clients
resolve them. Brokers register with these addresses, and every response takes them from the cluster's metadata.

Without ``--advertise``, the address that is listened on is advertised. If that is every address of the machine
(``0.0.0.0``, ``::``), no client can connect to it: Apache Kafka refuses to start, and its container image advertises
``localhost``. kstore advertises ``localhost`` too, with a warning: it works for clients on this machine and on one that
forwards a port of the same number, as containers are mostly started; others need ``--advertise``. The address that a
connection came in on would work for more clients, but clients, and their users, expect a broker to have one address;
and in a container the host may not reach it.

>>> advertised_addresses("kafka:9092", [0, 1]), advertised_addresses("a:1,b:2", [0, 1])
([('kafka', 9092), ('kafka', 9093)], [('a', 1), ('b', 2)])
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import ip_address

from actors.network.addresses import PORT_MAX, host_and_port

EVERYWHERE = "localhost"
"""The advertised host of a listener on every address of the machine."""

AdvertisedAddress = tuple[str, int | None]
"""A host and a port; None stands for the port that is listened on."""


def advertised_addresses(text: str, node_ids: Sequence[int]) -> list[AdvertisedAddress]:
    """The advertised address of each node. ``text`` has one for each node, or only the first node's, whose port is
    counted up.

    Raises ``ValueError``.
    """
    addresses = [read(piece) for piece in text.split(",")]
    if len(addresses) == 1 and len(node_ids) > 1:
        host, first = addresses[0]
        if first is not None and first + len(node_ids) - 1 > PORT_MAX:
            raise ValueError(f"node {node_ids[-1]} would have port {first + len(node_ids) - 1}: the last is {PORT_MAX}")
        return [(host, None if first is None else first + index) for index in range(len(node_ids))]
    if len(addresses) != len(node_ids):
        raise ValueError(
            f"that is {len(addresses)} addresses for {len(node_ids)} brokers: give each its own, or one for all"
        )
    return addresses


def read(piece: str) -> AdvertisedAddress:
    host, port = host_and_port(piece)
    if is_everywhere(host):
        raise ValueError(f'"{host}" stands for every address of a machine: no client can connect to it')
    return host, port


def is_everywhere(host: str) -> bool:
    """Whether it stands for all addresses, however it is written."""
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        pass  # a name, or an IPv4 address with fewer than four numbers
    try:
        return socket.inet_aton(host) == bytes(4)
    except OSError:
        return False
