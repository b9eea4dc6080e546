"""Injected faults: some requests of clients are lost, or answered with an error, instead of being carried out.

A rule names an API and how many of its requests it applies to. It never applies to requests between brokers; faults of
links are for those. An error response mirrors the request: every topic, partition, group or resource that it names gets
the code, as in Kafka's ``getErrorResponse``.
"""

from __future__ import annotations

from typing import Any

from actors.broker.call import Call, LostAnswer, LostRequest
from actors.broker.registry import CLIENT_APIS
from kstore import errors
from kstore.errors.arguments import SHOWN, plain_whole, shown
from kstore.errors.config import ConfigError, nearest
from kstore.schema import frames

NAMES = {served.module.replace("_", ""): served.key for served in CLIENT_APIS.values()}
WHOLE = frozenset({9, 13})
"""OffsetFetch and LeaveGroup: their top-level error is about the group, and applies to everything below it."""

ALIASES = {"partition_index": "partition", "index": "partition_index", "partition": "partition_index"}
CODES = ("error_code", "partition_error_code")
KEY_FIELDS = ("key", "name", "group_id", "transactional_id")
PARTITION_FIELDS = ("partition_index", "partition", "index")


Verdict = LostRequest | LostAnswer | int
"""The effect of a rule: the request is lost, its response is lost, or it is answered with this code."""


class Rule:
    """A rule: the next ``left`` requests of one API, on one broker or any, have this ``outcome``."""

    __slots__ = ("api_key", "left", "node_id", "outcome")

    def __init__(self, api_key: int, left: int, node_id: int | None, outcome: Verdict) -> None:
        self.api_key = api_key
        self.left = left
        self.node_id = node_id
        self.outcome = outcome


class RequestFaults:
    """The rules of one cluster, in the order in which they were made."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def __call__(self, call: object, /) -> object:
        """What happens to a request: a response, LOST_REQUEST, LOST_ANSWER, or None to carry it out."""
        assert isinstance(call, Call), "a broker's connection asks"
        node_id = call.node.node_id
        for rule in self.rules:
            if rule.api_key == call.api_key and rule.node_id in (None, node_id):
                rule.left -= 1
                if not rule.left:
                    self.rules.remove(rule)
                if isinstance(rule.outcome, int):
                    call.connection.note("RequestRefusedByFault")
                    return error_response(call.request, call.api_key, call.version, rule.outcome)
                call.connection.note("ConnectionCutByFault")
                return rule.outcome
        return None


def api_key_of(api: str | int) -> int:
    """The key of an API, by its name in any spelling ("Produce", "LIST_OFFSETS") or its number."""
    if not isinstance(api, str):
        key = plain_whole("api", api)
        if key not in CLIENT_APIS:
            raise ConfigError(f"api: no API of clients has the key {shown(api)}")
        return key
    found = NAMES.get(api[:SHOWN].replace("_", "").lower())
    if found is None:
        names = [_camel(served.module) for served in CLIENT_APIS.values()]
        given = api[:SHOWN] if "_" not in api and not api.isupper() else _camel(api[:SHOWN])
        raise ConfigError(f"api: no API of clients is called {shown(api)}{nearest(given, names)}")
    return found


def _camel(name: str) -> str:
    """An API's name as Kafka's documents write it.

    >>> _camel("list_offsets")
    'ListOffsets'
    """
    return "".join(word.capitalize() for word in name.split("_"))


def code_of(error: int | str | type[errors.KafkaError]) -> int:
    """An error's code, by the code, the exception's class, or Kafka's name ("NOT_LEADER_OR_FOLLOWER")."""
    if isinstance(error, type) and issubclass(error, errors.KafkaError):
        return error.code
    by_name = {found.name: code for code, found in errors.BY_CODE.items()}
    if isinstance(error, str):
        if error not in by_name:
            raise ConfigError(f"code: Kafka has no error {shown(error)}{nearest(error[:SHOWN], by_name)}")
        return by_name[error]
    code = plain_whole("code", error)
    if code not in errors.BY_CODE:
        raise ConfigError(f"code: Kafka has no error {shown(error)}")
    return code


def error_response(request: Any, api_key: int, version: int, code: int) -> Any:
    """The response to a request with ``code`` for everything that it names."""
    response_class = frames.response_class(api_key)
    response = _mirror(response_class, request, version, code)
    if "error_code" in _fields(response_class, version):
        below = any(isinstance(value, list) and value for value in _mirrored(response, version))
        if api_key in WHOLE or not below:
            response.error_code = code
    return response


def _mirrored(response: Any, version: int) -> list[Any]:
    return [getattr(response, name) for name, kind in _fields(type(response), version).items() if _says_errors(kind)]


def _fields(cls: Any, version: int) -> dict[str, Any]:
    """The fields of a version: their kinds by name."""
    found = {}
    for name, field in cls.fields().items():
        if _covers(field.versions, version):
            found[name] = field.kind
    return found


def _covers(versions: str, version: int) -> bool:
    """Whether a schema's version range ("3", "0-7", "8+") includes a version.

    >>> _covers("0-7", 7), _covers("8+", 7)
    (True, False)
    """
    first, _, last = versions.rstrip("+").partition("-")
    return int(first) <= version and (versions.endswith("+") or version <= int(last or first))


def _says_errors(kind: Any) -> bool:
    """Whether it is a list of items with an error code each, or with such lists."""
    if not isinstance(kind, list) or isinstance(kind[0], str):
        return False
    fields = kind[0].fields()
    return any(code in fields for code in CODES) or any(_says_errors(field.kind) for field in fields.values())


def _mirror(cls: Any, asked: Any, version: int, code: int) -> Any:
    answer = cls()
    for name, kind in _fields(cls, version).items():
        if _says_errors(kind):
            items = _items_for(name, asked, version)
            mirrored = [_mirror(kind[0], item, version, code) for item in items]
            for each in mirrored:
                for field in CODES:
                    if field in _fields(kind[0], version):
                        setattr(each, field, code)
            setattr(answer, name, mirrored)
        elif name not in CODES and not isinstance(kind, (list, type)):
            value = _named(name, asked)
            if value is not None:
                setattr(answer, name, value)
    return answer


def _items_for(name: str, asked: Any, version: int) -> list[Any]:
    """The request's list that corresponds to a response list: the one of the same name, or its first list."""
    if isinstance(asked, (int, str)):
        return []
    lists = {each: kind for each, kind in _fields(type(asked), version).items() if isinstance(kind, list)}
    chosen = name if name in lists else next(iter(lists), None)
    return [] if chosen is None else getattr(asked, chosen) or []


def _named(name: str, asked: Any) -> Any:
    """The request's field of this name, or the item itself: a partition's number, a group's or a key's name."""
    if isinstance(asked, str):
        return asked if name in KEY_FIELDS else None
    if isinstance(asked, int):
        return asked if name in PARTITION_FIELDS else None
    value = getattr(asked, name, None)
    if value is None and name in ALIASES:
        value = getattr(asked, ALIASES[name], None)
    return value if isinstance(value, (int, str, bytes)) else None
