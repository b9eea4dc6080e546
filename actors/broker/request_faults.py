"""Injected faults: some requests of clients are lost, or answered with an error, instead of being carried out.

A rule names an API and how many of its requests it applies to. It never applies to requests between brokers; faults of
links are for those. An error response is Kafka's for a request that failed as a whole (``error_answers``), but that of
a Fetch gives the code for each partition that it names.
"""

from __future__ import annotations

from actors.broker.call import LOST_REQUEST, Call, LostAnswer, LostRequest
from actors.broker.error_answers import error_answer
from actors.broker.registry import CLIENT_APIS
from kstore import errors
from kstore.errors.arguments import SHOWN, plain_whole, shown
from kstore.errors.config import ConfigError, nearest

NAMES = {served.module.replace("_", ""): served.key for served in CLIENT_APIS.values()}

FaultOutcome = LostRequest | LostAnswer | int
"""The effect of a rule: the request is lost, its response is lost, or it is answered with this code."""


class Rule:
    """A rule: the next ``left`` requests of one API, on one broker or any, have this ``outcome``."""

    __slots__ = ("api_key", "left", "node_id", "outcome")

    def __init__(self, api_key: int, left: int, node_id: int | None, outcome: FaultOutcome) -> None:
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
                    answer = error_answer(call.request, call.version, rule.outcome, of_partitions=True)
                    return LOST_REQUEST if answer is None else answer
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
