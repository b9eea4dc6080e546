"""The addresses that clients are told to connect to (Kafka's ``advertised.listeners``), one a broker and listener.

They need not be those that are listened on: in a container, or behind a port that is forwarded, clients reach a broker
under another host or port. Names are told as they were given; clients resolve them. This is the only source: brokers
register with these addresses, and every answer that says where a broker is has them from the cluster's metadata.

Without ``--advertise`` a client is told the address that is listened on. Where that is every address of the machine
(``0.0.0.0``, ``::``), which nobody can connect to, Apache Kafka refuses to start and its container image says
``localhost``. So does kstore, and a warning says what that means: clients on this machine reach it, and those on one
that forwards a port of the same number, as containers are mostly started; others need ``--advertise``. The address
that a connection came in on would do for more of them, but is different for each, where Kafka's clients, and their
users, expect a broker to have one; and in a container it is one that the host may not reach.

>>> told_to("kafka:9092", [0, 1]), told_to("a:1,b:2", [0, 1])
([('kafka', 9092), ('kafka', 9093)], [('a', 1), ('b', 2)])
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import ip_address

from actors.network.addresses import PORT_MAX, host_and_port

EVERYWHERE = "localhost"
"""What is told of a listener on every address of the machine."""

Told = tuple[str, int | None]
"""A host and a port; None is the port that is listened on."""


def told_to(text: str, node_ids: Sequence[int]) -> list[Told]:
    """The address of each node's that ``text`` names: one a node, or the first's, from whose port it counts up.

    Raises ``ValueError`` that says what is wrong.
    """
    told = [read(piece) for piece in text.split(",")]
    if len(told) == 1 and len(node_ids) > 1:
        host, first = told[0]
        if first is not None and first + len(node_ids) - 1 > PORT_MAX:
            raise ValueError(f"node {node_ids[-1]} would have port {first + len(node_ids) - 1}: the last is {PORT_MAX}")
        return [(host, None if first is None else first + index) for index in range(len(node_ids))]
    if len(told) != len(node_ids):
        raise ValueError(
            f"that is {len(told)} addresses for {len(node_ids)} brokers: give each its own, or one for all"
        )
    return told


def read(piece: str) -> Told:
    host, port = host_and_port(piece)
    if is_everywhere(host):
        raise ValueError(f'"{host}" stands for every address of a machine: no client can connect to it')
    return host, port


def is_everywhere(host: str) -> bool:
    """Whether it stands for all addresses, in whatever way that is written."""
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        pass  # a name, or an IPv4 address with fewer than four numbers
    try:
        return socket.inet_aton(host) == bytes(4)
    except OSError:
        return False
