"""The response to a request that failed as a whole: one error code, wherever its response has error codes.

Apache Kafka writes this out for each request (``AbstractRequest.getErrorResponse``). Here it is read from the schemas:
a response with a top-level code in that version has it there; one with a code for each topic, partition, group or
resource repeats what the request named, each with the code. A few responses have both. Unknown numbers are -1, as in
Kafka's.

>>> from kstore.schema.messages.delete_groups import DeleteGroupsRequest
>>> [(each.group_id, each.error_code) for each in error_answer(DeleteGroupsRequest(groups_names=["g"]), 2, -1).results]
[('g', -1)]
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from kstore.schema import frames
from kstore.schema.messages.elect_leaders import ElectLeadersRequest
from kstore.schema.messages.fetch import FetchRequest
from kstore.schema.messages.metadata import MetadataRequest
from kstore.schema.messages.produce import ProduceRequest
from kstore.schema.struct import INT32, STRING, Field, Message, Struct

S = TypeVar("S", bound=Struct)
Item = Struct | str | int

FETCH_WITHOUT_PARTITIONS_FROM = 13
CODES = ("error_code", "partition_error_code")
INDEX_NAMES = ("partition_index", "partition", "index", "partition_id")
NOT_KNOWN: dict[str, object] = {
    "base_offset": -1,
    "committed_offset": -1,
    "controller_id": -1,
    "generation_id": -1,
    "high_watermark": -1,
    "low_watermark": -1,
    "node_id": -1,
    "producer_epoch": -1,
    "producer_id": -1,
    "records": b"",
}


def error_answer(request: Message | None, version: int, code: int, *, of_partitions: bool = False) -> Message | None:
    """The response to ``request`` with ``code``; None if there can't be one, as for a client that wants no response.

    ``of_partitions``: the code is about the partitions that a Fetch names. A broker has most of its errors there, and
    the top-level one for the session.
    """
    if request is None or (isinstance(request, ProduceRequest) and request.acks == 0):
        return None
    response = _blank(frames.response_class(request.API_KEY), version)
    top = _code_of(type(response), version)
    is_fetch = isinstance(request, FetchRequest)
    named = 0
    if top is None or _has_both(request, version) or (is_fetch and of_partitions):
        found = _mirror(request, response, version, code)
        if found is None and top is None:
            return None
        named = found or 0
    if top is not None and not (is_fetch and of_partitions and named):
        setattr(response, top, code)
    return response


def _has_both(request: Message, version: int) -> bool:
    """Whether Kafka gives the code at the top and for each item that the request names."""
    if isinstance(request, FetchRequest):
        return version < FETCH_WITHOUT_PARTITIONS_FROM
    return isinstance(request, (MetadataRequest, ElectLeadersRequest))


def _blank(kind: type[S], version: int) -> S:
    made = kind()
    for name, field in kind.fields().items():
        if name in NOT_KNOWN and _is_in(field, version):
            setattr(made, name, NOT_KNOWN[name])
    return made


def _mirror(asked: Struct, answer: Struct, version: int, code: int) -> int | None:
    """Fill the list of ``answer`` that has error codes with what ``asked`` names: how many; None if there is no such
    list.
    """
    name, kind = _list_of_codes(type(answer), version)
    items = _named_in(asked, version)
    if kind is None or items is None:
        return None
    made = []
    for item in items:
        element = _blank(kind, version)
        _identify(element, item)
        if (field := _code_of(kind, version)) is not None:
            setattr(element, field, code)
        elif not isinstance(item, Struct) or _mirror(item, element, version, code) is None:
            return None
        made.append(element)
    setattr(answer, name, made)
    return len(made)


def _list_of_codes(kind: type[Struct], version: int) -> tuple[str, type[Struct] | None]:
    for name, field in kind.fields().items():
        element = _element(field)
        if not isinstance(element, type) or not _is_in(field, version):
            continue
        if _code_of(element, version) is not None or _list_of_codes(element, version)[1] is not None:
            return name, element
    return "", None


def _named_in(asked: Struct, version: int) -> Iterable[Item] | None:
    """The first list of a request, or of a part of it, in this version; None if it has none, or if null
    stands for all.
    """
    for name, field in type(asked).fields().items():
        if isinstance(field.kind, list) and _is_in(field, version):
            found: list[Item] | None = getattr(asked, name)
            return found
    return None


def _identify(element: Struct, item: Item) -> None:
    """Copy what identifies an item from the request: the fields with the same names, or its index or name."""
    fields = type(element).fields()
    if isinstance(item, Struct):
        asked = type(item).fields()
        for name in fields:
            if name in asked and not isinstance(asked[name].kind, list):
                setattr(element, name, getattr(item, name))
        index = next((getattr(item, name) for name in INDEX_NAMES if name in asked), None)
        if index is not None:
            setattr(element, next(name for name in INDEX_NAMES if name in fields), index)
        return
    kind = INT32 if isinstance(item, int) else STRING
    setattr(element, next(n for n, f in fields.items() if f.kind == kind and not n.startswith("error")), item)


def _element(field: Field) -> object:
    return field.kind[0] if isinstance(field.kind, list) else None


def _code_of(kind: type[Struct], version: int) -> str | None:
    """The field with an error code, if it has one in this version."""
    fields = kind.fields()
    return next((name for name in CODES if name in fields and _is_in(fields[name], version)), None)


def _is_in(field: Field, version: int) -> bool:
    first, _, last = field.versions.partition("-")
    if first.endswith("+"):
        return version >= int(first[:-1])
    return int(first) <= version <= int(last or first)
