"""Suggestions for unknown words on the command line: the nearest known word, or kstore's word for one of kcat, Kafka's
scripts or a shell.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from kstore.errors.config import nearest, nearest_name

ACTIONS = {
    "send": "produce",
    "publish": "produce",
    "read": "consume",
    "subscribe": "consume",
    "start": "serve",
    "broker": "serve",
    "brokers": "serve",
    "add": "create",
    "new": "create",
    "make": "create",
    "ls": "list",
    "show": "describe",
    "get": "describe",
    "set": "alter",
    "update": "alter",
    "rm": "delete",
    "remove": "delete",
    "reset": "reset-offsets",
    "forceTerminateTransaction": "force-terminate",
    "terminate": "force-terminate",
    "hanging": "find-hanging",
    "producers": "describe-producers",
}

OPTIONS = {
    "--bootstrap-server": "-b",
    "--bootstrap-servers": "-b",
    "--broker-list": "-b",
    "--brokers": "-b",
    "--group": "-G",
    "--max-messages": "-c",
    "--partition": "-p",
    "--partitions": "-p",
    "--offset": "-o",
    "--compression-codec": "-z",
    "--compression-type": "-z",
    "--producer-property": "-X",
    "--consumer-property": "-X",
    "--property": "-X",
    "--delete-config": "--unset",
    "--add-config": "--config",
    "--set": "--config",
    "--broker": "--broker-id",
    "--pattern": "--transactional-id-pattern",
    "--port": "--listen",
    "--host": "--listen",
    "--data": "--data-dir",
    "--override": "--set",
}

MODES = {"-C": "consume", "-P": "produce", "-L": "topics", "-G": "consume", "-t": "", "--topic": ""}
"""What begins a command of kcat's or Kafka's, and the verb that does it here."""


def action_hint(word: str, names: Collection[str]) -> str | None:
    """The verb or action that was meant; None if none is like it.

    >>> action_hint("crate", ["create", "list"]), action_hint("rm", ["create", "delete"])
    ('create', 'delete')
    """
    if ACTIONS.get(word) in names:
        return ACTIONS[word]
    return nearest_name(word, names)


def option_hint(name: str, prog: str, options: Collection[str], actions: Mapping[str, object]) -> str:
    """What to add to the error about the option ``name`` of the parser ``prog``; nothing if there is no idea.

    >>> option_hint("--partitons", "kstore topics create", ["-p", "--partitions"], {})
    ' (did you mean --partitions?)'
    >>> option_hint("--create", "kstore topics", [], {"create": None})
    ': write kstore topics create'
    """
    word = name.lstrip("-")
    if word in actions:
        return f": write {prog} {word}"
    if prog == "kstore":
        return _before_the_verb(name, options)
    if name in ("-t", "--topic"):
        return f": the topic is given without it: {prog} TOPIC"
    if name in ("--transactional-id", "--transactionalId"):
        return f": the id is given without it: {prog} ID"
    if name == "--from-beginning":
        return ": a consumer begins there by default; a group does with -o beginning"
    if OPTIONS.get(name) in options:
        return f" (did you mean {OPTIONS[name]}?)"
    return nearest(name, [option for option in options if option.startswith("--")]) if name.startswith("--") else ""


def _before_the_verb(name: str, options: Collection[str]) -> str:
    """What to add when an option stands where only the command's own can."""
    if verb := MODES.get(name):
        return f": write kstore {verb}"
    own = nearest(name, ["--help", "--version"]) if name.startswith("--") else ""
    return own or ": options stand after the verb, as in kstore topics list -b HOST:PORT"
