"""What a consumer fetches from each broker: the wanted partitions, and the request under way. Pure.

The tables follow what changes, so a fetch costs what has changed since the last one, not what is assigned. A partition
of which nothing has changed stays in ``wanted``, and the broker's session knows of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.clients.consumer.fetch_sessions import FetchSessionHandler, Wanted
from actors.clients.consumer.subscription import PartitionState
from actors.clients.structs import TopicPartition
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from kstore.schema.messages.fetch import FetchRequest

USUAL, BESIDE = "fetching", "fetching beside"  # the purposes of the two links to a broker


class Asked(NamedTuple):
    """What was asked of one partition."""

    state: PartitionState
    version: int
    offset: int

    @property
    def counts(self) -> bool:
        """Whether the answer is still wanted."""
        return self.state.assigned and self.state.version == self.version


class FetchLink:
    """A link for fetches. ``asked``: what an answer may be about; ``under_way``: the number of the request that waits
    for its answer, 0 for none; ``later``: states to look at when it comes.
    """

    __slots__ = ("asked", "later", "purpose", "session", "under_way")

    def __init__(self, purpose: str, *, session: bool) -> None:
        self.purpose = purpose
        self.session = FetchSessionHandler(enabled=session)
        self.asked: dict[TopicPartition, Asked] = {}
        self.later: dict[PartitionState, None] = {}
        self.under_way = 0

    def holds(self, state: PartitionState) -> bool:
        """Whether an answer is under way that may bring what the state waits for."""
        each = self.asked.get(state.partition) if self.under_way else None
        return each is not None and each.state is state and each.version == state.version

    def is_wanted(self) -> bool:
        """Whether anybody still wants the answer that is under way."""
        return any(each.counts for each in self.asked.values())


class Source:
    """One broker that is fetched from.

    ``wanted`` is to be read on there; of that, ``fresh`` isn't covered by a request yet. ``gone`` isn't wanted any
    more. Nothing is asked while answers wait for the user (``waiting``).
    """

    __slots__ = ("asks", "beside", "fresh", "gone", "names", "node", "usual", "waiting", "wanted")

    def __init__(self, node: int, *, sessions: bool) -> None:
        self.node = node
        self.usual = FetchLink(USUAL, session=sessions)
        self.beside = FetchLink(BESIDE, session=False)
        self.wanted: dict[TopicPartition, Wanted] = {}
        self.asks: dict[TopicPartition, Asked] = {}  # what of whom is wanted
        self.fresh: dict[TopicPartition, None] = {}
        self.gone: dict[TopicPartition, None] = {}
        self.waiting: dict[PartitionState, None] = {}
        self.names: dict[bytes, str] = {}  # of topics, by their ids

    def link_of(self, state: PartitionState) -> FetchLink | None:
        """The link on which an answer for the state is under way."""
        return next((link for link in (self.usual, self.beside) if link.holds(state)), None)

    def want(self, state: PartitionState, want: Wanted) -> None:
        """Have a partition fetched from here."""
        partition = state.partition
        self.wanted[partition] = want
        self.asks[partition] = Asked(state, state.version, want.offset)
        self.names[want.topic_id] = partition.topic
        self.fresh[partition] = None
        self.gone.pop(partition, None)

    def drop(self, state: PartitionState) -> None:
        """Don't fetch it from here; harmless if it isn't."""
        self.waiting.pop(state, None)
        held = self.asks.get(state.partition)
        if held is not None and held.state is state:
            self._unwant(state.partition)

    def _unwant(self, partition: TopicPartition) -> None:
        del self.wanted[partition], self.asks[partition]
        self.fresh.pop(partition, None)
        self.gone[partition] = None

    def fill_usual(self, request: FetchRequest) -> None:
        """Ask for all that is wanted on the usual link."""
        asked = self.usual.asked
        if self.usual.session.is_incremental:
            for partition in self.gone:
                asked.pop(partition, None)
            for partition in self.fresh:
                asked[partition] = self.asks[partition]
        else:
            asked = self.usual.asked = dict(self.asks)
        self.usual.session.fill(request, self.wanted, [*self.gone, *self.fresh])
        self.fresh, self.gone = {}, {}

    def fill_beside(self, request: FetchRequest) -> None:
        """Ask beside for what the request on the usual link doesn't cover; that one's session is to leave it out."""
        fresh = list(self.fresh)
        self.beside.asked = {partition: self.asks[partition] for partition in fresh}
        self.beside.session.fill(request, {partition: self.wanted[partition] for partition in fresh}, fresh)
        for partition in fresh:
            self._unwant(partition)
