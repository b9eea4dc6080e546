"""A client's questions about the cluster: one Metadata request under way at a time, which asks only for what is new.

As in Apache Kafka's ``ProducerMetadata``: a topic that is used for the first time is asked for by itself, and the
answer is merged into what is known. So the cost of a new topic doesn't grow with the number of topics. All topics of
interest are asked for when something that was known is wrong, or is ``metadata_max_age_ms`` old; only that answer
counts as fresh.

Coroutines that want something while a request is under way wait for its end. Those that want certain topics then share
the next request. Those that want everything share one that was sent after they began, as an earlier one may tell of an
earlier state.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING

from actors.clients.coroutine import Gate, SendTo, Wait
from actors.clients.versions import CLIENT_VERSIONS
from actors.clients.view import View
from kstore.errors import GroupAuthorizationFailed, InvalidGroupId, KafkaError, UnsupportedVersion

if TYPE_CHECKING:
    from actors.runtime.coroutine import Eventually, Pause
    from kstore.schema.messages.metadata import MetadataResponse

BY_ID = 12, CLIENT_VERSIONS[3][1]
"""The versions of Metadata that ask for topics by id."""

HOPELESS = (UnsupportedVersion, GroupAuthorizationFailed, InvalidGroupId)


class Metadata:
    """What one client knows of the cluster, and its Metadata requests.

    ``interest``: the topics whose metadata is kept fresh, in order; with ``all_topics`` those of the whole cluster.
    ``interest_by_id``: the same by their ids, for a client that doesn't know their names; it has no others then, as a
    request that names an id asks for nothing by name.
    ``creates_topics``: asking for a topic may create it, where the broker allows that. ``any_node`` chooses whom to
    ask, ``backoff`` how long to wait after an attempt. ``changed(old, new, topics)`` is told what has changed: these
    topics, or any if they are None. ``freshened()``: all topics of interest were answered. ``whole_sent`` and
    ``whole_heard`` number the requests for all of them.
    """

    def __init__(
        self,
        any_node: Callable[[], int],
        backoff: Callable[[int], Pause],
        changed: Callable[[View, View, Collection[str] | None], None],
        freshened: Callable[[], None],
    ) -> None:
        self._any_node = any_node
        self._backoff = backoff
        self._changed = changed
        self._freshened = freshened
        self.view = View()
        self.interest: dict[str, None] = {}
        self.interest_by_id: frozenset[bytes] = frozenset()
        self.all_topics = False
        self.creates_topics = False
        self.under_way: Gate | None = None
        self.new: dict[str, None] = {}  # topics that the next request must name
        self.wholes_wanted = 0  # coroutines that ask, or wait to ask, for all of interest
        self.whole_sent = 0
        self.whole_heard = 0

    def take(self, view: View, changed: Collection[str] | None = None) -> None:
        """Replace the view by a newer one, in which the topics of ``changed`` differ, or any if it is None."""
        old, self.view = self.view, view
        self._changed(old, view, changed)

    def take_interest(self, topics: Iterable[str]) -> None:
        """Keep the metadata of these fresh as well."""
        for topic in sorted(topics):
            self.interest[topic] = None

    def learn(self, names: Iterable[str]) -> Eventually[View]:
        """Ask for these topics, and for nothing that is known already."""
        wanted = dict.fromkeys(names)
        attempt = 0
        while True:
            if self.under_way is not None:
                self.new.update(wanted)
                told = yield Wait(self.under_way)
                if told is not None and all(name in told for name in wanted):
                    for name in wanted:
                        self.new.pop(name, None)
                    return self.view
                continue
            asked, self.new = {**self.new, **wanted}, {}
            answer = yield from self._ask(asked)
            if not isinstance(answer, KafkaError):
                view = self.view.updated(answer, whole=False)
                self.take(view, asked)
                return self.view
            if isinstance(answer, HOPELESS):
                raise answer
            yield self._backoff(attempt)
            attempt += 1

    def refresh(self, names: Iterable[str] | None = ()) -> Eventually[View]:
        """Ask for all topics of interest and for these; None: for all topics of the cluster."""
        self.wholes_wanted += 1
        try:
            return (yield from self._refresh(None if names is None else list(names)))
        finally:
            self.wholes_wanted -= 1

    def _refresh(self, names: Collection[str] | None) -> Eventually[View]:
        enough = self.whole_sent + 1
        attempt = 0
        while True:
            if self.under_way is not None:
                yield Wait(self.under_way)
                if names is not None and not names and self.whole_heard >= enough:
                    return self.view
                continue
            every = names is None or self.all_topics
            asked = None if every else {**dict.fromkeys(names or ()), **self.interest, **self.new}
            self.new = {}
            self.whole_sent = number = self.whole_sent + 1
            answer = yield from self._ask(asked, () if asked else sorted(self.interest_by_id))
            if not isinstance(answer, KafkaError):
                self.whole_heard = number
                self._freshened()
                self.take(self.view.updated(answer, whole=every))
                return self.view
            if isinstance(answer, HOPELESS):
                raise answer
            yield self._backoff(attempt)
            attempt += 1

    def _ask(
        self, names: dict[str, None] | None, ids: Collection[bytes] = ()
    ) -> Eventually[MetadataResponse | KafkaError]:
        """One request, for all topics when the names are None, or by id; its answer or error. Those that wait are told
        which topics are answered, None if none are.
        """
        from kstore.schema.messages.metadata import MetadataRequest, MetadataRequestTopic

        topics = None if names is None else [MetadataRequestTopic(name=name) for name in names]
        if topics is not None:
            topics += [MetadataRequestTopic(topic_id=each, name=None) for each in ids]
        request = MetadataRequest(topics=topics, allow_auto_topic_creation=self.creates_topics)
        told: Collection[str] | None = None
        gate = self.under_way = Gate()
        try:
            versions = BY_ID if ids else None
            answer: MetadataResponse | KafkaError = yield SendTo(self._any_node(), request, versions=versions)
            if not isinstance(answer, KafkaError):
                told = frozenset(topic.name or "" for topic in answer.topics) if names is None else names
        finally:
            self.under_way = None
            gate.open(told)
        return answer
