"""Does an action for each of several topics, groups or transactional ids; if one fails, the error is printed and the
others are still done.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable

from actors.cli.output import complain, print_json
from kstore.errors import GroupIdNotFound, KafkaError, TransactionalIdNotFound, UnknownTopicOrPartition
from kstore.errors.config import nearest


def do_each(names: Iterable[str], do: Callable[[str], None], what: str, known: Callable[[], Iterable[str]]) -> int:
    """Do it to each; the exit code, which is 1 if it failed for one. ``what`` and ``known``: of what kind the names
    are, and which there are, for the errors.

    Raises an error of the client itself, such as a timeout, which would also fail the other names.
    """
    from actors.clients.errors import ClientError

    code = 0
    for name in dict.fromkeys(names):
        try:
            do(name)
        except ClientError:
            raise
        except (UnknownTopicOrPartition, GroupIdNotFound, TransactionalIdNotFound) as error:
            code = complain(unknown(type(error), what, name, known()))
        except KafkaError as error:
            code = complain(error if _names(error.message, name) else type(error)(f"{name}: {error.message}"))
    return code


def delete_each(
    options: argparse.Namespace,
    names: Iterable[str],
    delete: Callable[[str], object],
    what: str,
    known: Callable[[], Iterable[str]],
) -> int:
    """As ``do_each``, to delete each; one that isn't there is passed over with ``--if-exists``."""
    deleted: list[str] = []

    def one(name: str) -> None:
        try:
            delete(name)
        except (UnknownTopicOrPartition, GroupIdNotFound):
            if not options.if_exists:
                raise
            tell(options, name, "doesn't exist")
            return
        deleted.append(name)
        tell(options, name, "deleted")

    code = do_each(names, one, what, known)
    if options.json:
        print_json({"deleted": deleted})
    return code


def tell(options: argparse.Namespace, name: str, *done: str) -> None:
    """Print what was done to one of them at once, unless everything is printed as JSON at the end."""
    if not options.json:
        print(f"{name}: {', '.join(done)}", flush=True)


def _names(message: str, name: str) -> bool:
    """Whether a message has the name in it."""
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", message) is not None


def unknown(kind: type[KafkaError], what: str, name: str, names: Iterable[str]) -> KafkaError:
    """The error for an unknown name, with a similar existing one.

    >>> unknown(UnknownTopicOrPartition, "topic", "ordres", ["orders", "payments"])
    UnknownTopicOrPartition('there is no topic ordres (did you mean orders?)')
    """
    return kind(f"there is no {what} {name}{nearest(name, names)}")
