"""A client's questions about the cluster: one Metadata request under way at a time, which asks for what is new alone.

As in Apache Kafka's ``ProducerMetadata``: a topic that is met for the first time is asked for by itself, and what comes
is merged into what is known, so that meeting one topic after another costs what they are, not what all of them are.
All of interest is asked for when what is known turned out wrong, or is ``metadata_max_age_ms`` old; only that counts as
fresh.

Conversations that want something while a request is under way wait for its end. Those that want topics then share the
next request; those that want everything share one that was sent after they began, as one before may tell of before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from actors.clients.talk import Gate, Talk, To, Wait
from kstore.errors import GroupAuthorizationFailed, InvalidGroupId, KafkaError, UnsupportedVersion

if TYPE_CHECKING:
    from actors.clients.actor import ClientActor
    from actors.clients.view import View
    from kstore.schema.messages.metadata import MetadataResponse

HOPELESS = (UnsupportedVersion, GroupAuthorizationFailed, InvalidGroupId)


class MetadataRequests:
    """The Metadata requests of one client. ``whole_sent`` and ``whole_heard`` number those for all of interest."""

    def __init__(self, actor: ClientActor) -> None:
        self.actor = actor
        self.under_way: Gate | None = None
        self.new: dict[str, None] = {}  # topics that the next request must name
        self.wholes_wanted = 0  # conversations that ask, or wait to ask, for all of interest
        self.whole_sent = 0
        self.whole_heard = 0

    def learn(self, names: Iterable[str]) -> Talk[View]:
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
                    return self.actor.view
                continue
            asked, self.new = {**self.new, **wanted}, {}
            answer = yield from self._ask(asked)
            if not isinstance(answer, KafkaError):
                view = self.actor.view.updated(answer, whole=False)
                self.actor.take_view(view, asked)
                return self.actor.view
            if isinstance(answer, HOPELESS):
                raise answer
            yield self.actor.backoff(attempt)
            attempt += 1

    def refresh(self, names: Collection[str] | None) -> Talk[View]:
        """Ask for all topics of interest and for these; None: for all topics of the cluster."""
        self.wholes_wanted += 1
        try:
            return (yield from self._refresh(names))
        finally:
            self.wholes_wanted -= 1

    def _refresh(self, names: Collection[str] | None) -> Talk[View]:
        actor = self.actor
        enough = self.whole_sent + 1
        attempt = 0
        while True:
            if self.under_way is not None:
                yield Wait(self.under_way)
                if names is not None and not names and self.whole_heard >= enough:
                    return actor.view
                continue
            every = names is None or actor.all_topics
            asked = None if every else {**dict.fromkeys(names or ()), **actor.interest, **self.new}
            self.new = {}
            self.whole_sent = number = self.whole_sent + 1
            answer = yield from self._ask(asked)
            if not isinstance(answer, KafkaError):
                self.whole_heard = number
                actor.keep_fresh()
                actor.take_view(actor.view.updated(answer, whole=every))
                return actor.view
            if isinstance(answer, HOPELESS):
                raise answer
            yield actor.backoff(attempt)
            attempt += 1

    def _ask(self, names: dict[str, None] | None) -> Talk[MetadataResponse | KafkaError]:
        """One request, for all topics when None; its answer or error. Whoever waits is told which topics are answered,
        None if none are."""
        from kstore.schema.messages.metadata import MetadataRequest, MetadataRequestTopic

        topics = None if names is None else [MetadataRequestTopic(name=name) for name in names]
        request = MetadataRequest(topics=topics, allow_auto_topic_creation=self.actor.creates_topics)
        told: Collection[str] | None = None
        gate = self.under_way = Gate()
        try:
            answer: MetadataResponse | KafkaError = yield To(self.actor.any_node(), request)
            if not isinstance(answer, KafkaError):
                told = frozenset(topic.name or "" for topic in answer.topics) if names is None else names
        finally:
            self.under_way = None
            gate.open(told)
        return answer
