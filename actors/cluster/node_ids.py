"""The node ids of a cluster, the controller's first.

Ids are Kafka's ``node.id``: whole numbers from 0 on, distinct, in any order. They are those that the caller gives;
otherwise those of the existing folders; otherwise 1 to the number of brokers. Folders say which node is the controller,
as each copy of the metadata log has the quorum's only voter beside it.

| named  | brokers             | folders | ids                                                           |
|--------|---------------------|---------|---------------------------------------------------------------|
| ids    | their number, or -  | any     | as named; others' folders are left out, unless it's a mix-up   |
| -      | N                   | none    | 1 to N                                                        |
| -      | -                   | none    | 1                                                             |
| -      | at least as many    | 1 to N  | 1 to N                                                        |
| -      | as many, or -       | other   | the folders'                                                  |
| -      | fewer               | any     | the controller's and the least of the others                  |
| -      | more                | other   | refused: the others must be named                             |
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

from actors.cluster.arguments import how_many
from actors.node.folder import FolderError, owner_of
from kstore.errors.arguments import plain_whole, shown
from kstore.errors.config import ConfigError
from kstore.log.checkpoints import META_PROPERTIES
from kstore.named import NamedTuple

NODE_ID_MAX = 2**31 - 1


class NodeIdsError(ConfigError):
    """The given node ids are invalid, or don't match the number of brokers."""


def node_ids_of(brokers: object, node_ids: object, data_dir: str | None) -> tuple[int, ...]:
    """The ids of a cluster's nodes, from the arguments and its folder, which is only read.

    Raises ``NodeIdsError`` for arguments that are wrong or don't agree, ``FolderError`` when the folder has others.

    >>> node_ids_of(3, None, None), node_ids_of(None, [0, 1], None)
    ((1, 2, 3), (0, 1))
    """
    count = None if brokers is None else how_many(brokers)
    found = FoundIds() if data_dir is None else ids_in(data_dir)
    if node_ids is not None:
        named = checked(node_ids)
        if count is not None and count != len(named):
            raise NodeIdsError(
                f"brokers is {count}, and node_ids has {len(named)} ({listed(named)}): leave one of them out"
            )
        check_named(named, found, data_dir)
        return named
    numbered = tuple(range(1, (count or 1) + 1))
    if not found.ids or (count is not None and set(found.ids) <= set(numbered)):
        return numbered
    if count is not None and count > len(found.ids):
        more = range(max(found.ids) + 1, max(found.ids) + 1 + count - len(found.ids))
        raise FolderError(
            f"{data_dir} has the nodes {listed(found.ids)}, and brokers is {count}: name the ids of all, "
            f"as in --node-ids {listed((*found.ids, *more), ',')}"
        )
    return found.ids[:count]


def checked(node_ids: object) -> tuple[int, ...]:
    """Check ids that a caller gives. Raises ``NodeIdsError``."""
    if isinstance(node_ids, str | bytes) or not isinstance(node_ids, Iterable):
        raise NodeIdsError(f"node_ids has a number for each broker, such as (0, 1, 2); got {shown(node_ids)}")
    found: list[int] = []
    for each in node_ids:
        try:
            number = plain_whole("node_ids", each)
        except TypeError:
            number = -1
        if not 0 <= number <= NODE_ID_MAX:
            raise NodeIdsError(f"node_ids: an id is a whole number from 0 to {NODE_ID_MAX}; got {shown(each)}")
        if number in found:
            raise NodeIdsError(f"node_ids: {number} is given twice")
        found.append(number)
    try:
        how_many(len(found))
    except ConfigError as error:
        raise NodeIdsError(f"node_ids: {error}") from None
    return tuple(found)


def parse_node_ids(text: str) -> tuple[int, ...]:
    """``"0,1,2"`` as given to ``--node-ids``. Raises ``NodeIdsError``.

    >>> parse_node_ids("0,1,2")
    (0, 1, 2)
    """
    pieces = [piece.strip() for piece in text.split(",")]
    if not all(piece.isascii() and piece.isdecimal() for piece in pieces):
        raise NodeIdsError(f"--node-ids takes numbers with commas, as in --node-ids 0,1,2; got {shown(text)}")
    return checked([int(piece) for piece in pieces])


class FoundIds(NamedTuple):
    """The nodes that have a folder: the controller's id first, the others in order. ``controller`` is None if no folder
    says which it is; then the lowest id is assumed.
    """

    ids: tuple[int, ...] = ()
    controller: int | None = None


def ids_in(data_dir: str) -> FoundIds:
    """The nodes whose folders are under ``data_dir``, and the controller that they name. Raises ``FolderError`` for one
    under another's name.
    """
    from pathlib import Path

    from actors.broker.unsupported.quorum import QUORUM_FILE, voters_in

    found: list[int] = []
    voters: set[int] = set()
    for each in Path(data_dir).glob(f"node-*/{META_PROPERTIES}"):
        number = each.parent.name.removeprefix("node-")
        if number.isascii() and number.isdecimal() and str(int(number)) == number:
            owner = owner_of(each.parent)
            if owner not in (None, int(number)):
                raise FolderError(f"{each.parent} belongs to node {owner}: rename it node-{owner}")
            found.append(int(number))
            with suppress(OSError):  # it doesn't exist yet, or claiming the folder reports what is wrong
                voters.update(voters_in((each.parent / QUORUM_FILE).read_bytes()))
    if not found:
        return FoundIds()
    controller = voters.pop() if len(voters) == 1 else None
    first = min(found) if controller is None else controller
    return FoundIds((first, *sorted(number for number in found if number != first)), controller)


def check_named(named: Sequence[int], found: FoundIds, data_dir: str | None) -> None:
    """Check the given ids: they may be more than the folder has, or fewer, but not both, as in another cluster's
    folder.
    """
    new = [each for each in named if each not in found.ids]
    left_out = [each for each in found.ids if each not in named]
    if new and left_out:
        raise FolderError(
            f"{data_dir} has the nodes {listed(found.ids)}, and node_ids is {listed(named)}: leave --node-ids out, "
            f"give --node-ids {listed(found.ids, ',')}, or choose another --data-dir"
        )
    if found.controller not in (None, named[0]):
        raise FolderError(
            f"{data_dir} is of a cluster whose controller is node {found.controller}, and the first of node_ids is "
            f"{named[0]}: begin --node-ids with {found.controller}, or leave it out"
        )


def listed(ids: Iterable[int], comma: str = ", ") -> str:
    return comma.join(map(str, ids))
