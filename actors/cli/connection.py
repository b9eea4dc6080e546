"""The clients that verbs use, made from their options, and the names that completion offers.

They are kstore's own, imported when they are needed.
"""

from __future__ import annotations

import argparse
import socket
from typing import TYPE_CHECKING, Any

from actors.cli.arguments import BOOTSTRAP_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Unpack

    from actors.clients.admin import Admin
    from actors.clients.consumer.consumer import Consumer
    from actors.clients.keywords.typed_dicts import AdminKeywords, ConsumerKeywords, ProducerKeywords
    from actors.clients.producer.producer import Producer

CONNECT_TIMEOUT_S = 5
COMPLETION_TIMEOUT_MS = 1500


def keywords(options: argparse.Namespace, own: Mapping[str, object]) -> dict[str, Any]:
    """A client's keywords: the verb's own, then what the user said with ``-X``.

    Raises ``NoBrokersAvailable`` when no broker listens there: a program may wait for one to start, a person wouldn't.
    """
    check_reachable(options.bootstrap)
    return {
        "bootstrap_servers": options.bootstrap,
        "client_id": f"kstore-{options.verb}",
        **own,
        **dict(options.keywords),
    }


def check_reachable(bootstrap: str) -> None:
    """See that at least one of the brokers takes connections."""
    from actors.clients.errors import NoBrokersAvailable
    from actors.clients.keywords.bootstrap import bootstrap_addresses
    from actors.network.addresses import address_text

    reasons = []
    for host, port in bootstrap_addresses(bootstrap):
        try:
            socket.create_connection((host, port), CONNECT_TIMEOUT_S).close()
            return
        except OSError as error:
            reasons.append(f"{address_text(host, port)}: {error.strerror or error}")
    raise NoBrokersAvailable(
        f"no broker could be reached: {'; '.join(reasons)} "
        f"(kstore serve starts one; -b or {BOOTSTRAP_VARIABLE} names others)"
    )


def open_admin(options: argparse.Namespace, **own: Unpack[AdminKeywords]) -> Admin:
    """An Admin for these options."""
    from actors.clients.admin import Admin

    return Admin(**keywords(options, own))


def open_consumer(options: argparse.Namespace, **own: Unpack[ConsumerKeywords]) -> Consumer:
    """A Consumer for these options."""
    from actors.clients.consumer.consumer import Consumer

    return Consumer(**keywords(options, own))


def open_producer(options: argparse.Namespace, **own: Unpack[ProducerKeywords]) -> Producer:
    """A Producer for these options."""
    from actors.clients.producer.producer import Producer

    return Producer(**keywords(options, own))


def complete_topics(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """Topics that begin so, for the shell; none when no broker answers at once."""
    return _names(prefix, parsed_args, lambda admin: admin.list_topics())


def complete_groups(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """Groups that begin so, for the shell; none when no broker answers at once."""
    return _names(prefix, parsed_args, lambda admin: [group.group_id for group in admin.list_groups()])


def complete_transactional_ids(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """Transactional ids that begin so, for the shell; none when no broker answers at once."""
    return _names(prefix, parsed_args, lambda admin: [each.transactional_id for each in admin.list_transactions()])


def _names(prefix: str, options: argparse.Namespace, ask: Callable[[Admin], Iterable[str]]) -> list[str]:
    from kstore.errors import KafkaError

    try:
        with open_admin(
            options, default_api_timeout_ms=COMPLETION_TIMEOUT_MS, request_timeout_ms=COMPLETION_TIMEOUT_MS
        ) as admin:
            return sorted(name for name in ask(admin) if name.startswith(prefix))
    except (KafkaError, ValueError):
        return []
