"""Configs of topics and groups on the command line: ``--config KEY=VALUE`` sets one, ``--unset KEY`` unsets it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from actors.cli.arguments import checked, pair

if TYPE_CHECKING:
    from actors.clients.admin import Admin


def add_config(parser: argparse.ArgumentParser, example: str) -> None:
    """Configs that are set."""
    parser.add_argument(
        "--config",
        type=checked(pair),
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"a config of Apache Kafka's, such as {example}; repeatable",
    )


def add_unset(parser: argparse.ArgumentParser) -> None:
    """Configs that are unset."""
    parser.add_argument("--unset", action="append", default=[], metavar="KEY", help="back to the default; repeatable")


def alter_configs(admin: Admin, kind: str, name: str, options: argparse.Namespace) -> list[str]:
    """Set and unset configs of a topic or a group; what was done, in words."""
    from actors.clients.admin.descriptions import ConfigResource

    if options.unset:
        _check_unset(admin, kind, name, options.unset)
    unset: dict[str, str | tuple[str, None]] = dict.fromkeys(options.unset, ("delete", None))
    changes = unset | dict(options.config)
    if changes:
        admin.alter_configs([ConfigResource(kind, name, changes)])
    return [f"{key}={value}" if isinstance(value, str) else f"{key} unset" for key, value in changes.items()]


def _check_unset(admin: Admin, kind: str, name: str, keys: list[str]) -> None:
    """Raise InvalidConfig for a key that there isn't: brokers let those be unset without a word."""
    from actors.clients.admin.descriptions import ConfigResource
    from kstore.errors import InvalidConfig
    from kstore.errors.config import nearest

    known = admin.describe_configs([ConfigResource(kind, name)])[kind][name]
    for key in keys:
        if key not in known:
            raise InvalidConfig(f"Unknown {kind} config name: {key}{nearest(key, known)}")
