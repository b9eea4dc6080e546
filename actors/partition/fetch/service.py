"""The fetch service: the actor that takes all Fetch requests of a node's clients and followers, and answers them.

A fetch asks the replica of each partition that it must check once. Replicas without data keep the read and answer again
when there is some; until then, or until its timeout, the fetch waits, and costs nothing. The reads of a session with
thousands of idle partitions wait at their replicas from one fetch to the next.

The service passes on what replicas read without converting it: parsed batches, views of memory, or slices of files.

Deadlines are in a heap with one alarm for the nearest, because most fetches end long before their deadline.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from actors.partition.fetch.answers import TOPIC_IDS_FROM, fetch_response, refusal
from actors.partition.fetch.requests import Context, Fetch, FetchGivenUp
from actors.partition.fetch.session_cache import SessionCache
from actors.partition.fetch.sessions import (
    ASKED,
    DUE,
    FINAL_EPOCH,
    INITIAL_EPOCH,
    PARKED,
    CachedPartition,
    FetchSession,
    PendingFetch,
    next_epoch,
)
from actors.partition.messages import CancelRead, Read, ReadAnswer
from actors.runtime import Actor, receives
from actors.runtime.limits import FETCH_BYTES_WAITING_MAX
from kstore import checked
from kstore.errors import (
    FetchSessionIdNotFound,
    FetchSessionTopicIdError,
    InvalidFetchSessionEpoch,
    NotLeaderOrFollower,
    TopicAuthorizationFailed,
    UnknownTopicId,
    UnknownTopicOrPartition,
)
from kstore.named import NamedTuple
from kstore.schema.messages.fetch import FetchResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.node.node import BrokerNode
    from actors.node.view import View
    from actors.runtime import Ref
    from kstore.schema.messages.fetch import FetchRequest

SESSION_ID_BITS = 31


class Expire(NamedTuple):
    """To itself: some fetch has waited long enough."""


EXPIRE = Expire()


class Deliver(NamedTuple):
    """To itself: answer a fetch, with everything that has come in meanwhile."""

    fetch: PendingFetch


def replica_of(
    view: View, name: str | bytes, partition: int, may_read: Callable[[str], bool] | None = None
) -> Ref | int:
    """The replica of a partition, whose topic is given by name or id; or the error code if there is none, or if it may
    not be read.
    """
    if not isinstance(name, str):
        found: str | None = view.image.topic_names_by_id.get(name)
        if found is None:
            return UnknownTopicId.code
        name = found
    if may_read is not None and not may_read(name):
        return TopicAuthorizationFailed.code
    replica: Ref | None = view.replicas.get((name, partition))
    if replica is not None:
        return replica
    if view.image.partition(name, partition) is None:
        return UnknownTopicOrPartition.code
    return NotLeaderOrFollower.code


class FetchService(Actor):
    """The one fetch service of a node."""

    node: BrokerNode

    failure_scope = "the fetch sessions of a node; clients begin new ones"

    def __init__(self, node: BrokerNode, name: str = "fetch-service") -> None:
        super().__init__(node, name)
        slots_max = node.config.integer("max.incremental.fetch.session.cache.slots")
        self.bytes_max = node.config.integer("fetch.max.bytes")
        self.sessions = SessionCache(slots_max, lambda: self.random.getrandbits(SESSION_ID_BITS))
        self.asked: dict[int, CachedPartition] = {}  # by token: partitions that a replica has yet to answer
        self.last_token = 0
        self.waiting: dict[int, PendingFetch] = {}  # by connection, from when replicas are asked
        self.bytes_waiting = 0  # found by fetches that wait for more
        self.deadlines: list[tuple[int, int, PendingFetch | FetchSession]] = []
        self.looks = 0
        self.expiry = self.alarm(EXPIRE, tick_us=1000)

    @receives(Fetch)
    def fetch(self, message: Fetch) -> None:
        """Take a Fetch request."""
        request = message.request
        context = Context(self.defer(), message)
        if context.replica >= 0 and not message.is_broker:
            context.reply.set(refusal(request))
            return
        now_ms = self.now_ms()
        uses_ids = message.version >= TOPIC_IDS_FROM
        names_all = True
        session: FetchSession | None = None
        if request.session_epoch in (INITIAL_EPOCH, FINAL_EPOCH):
            if request.session_id:
                self._end_session(self.sessions.get(request.session_id))
            if request.session_epoch == INITIAL_EPOCH:
                session = self._open_session(context, request, uses_ids, now_ms)
        else:
            names_all = False
            session = self.sessions.get(request.session_id)
            if session is not None and not session.privileged and not self.sessions.may_grow(_partitions_of(request)):
                self._end_session(session)
                session = None
            error = self._misfit(session, request, uses_ids)
            if session is None or error:
                context.reply.set(FetchResponse(error_code=error, session_id=0))
                return
            self._go_on(session, request, uses_ids, now_ms)
        context.session_id = session.id if session is not None and session.partitions else 0
        max_bytes = min(request.max_bytes, self.bytes_max)
        fetch = PendingFetch(context, session, names_all, request.min_bytes, max_bytes, now_ms + request.max_wait_ms)
        self.waiting[message.connection] = fetch
        if self._ask(fetch, session, request, uses_ids):
            self._wait(fetch, now_ms)
        elif fetch.unanswered == 0:
            self._heard(fetch)
        if checked.on:
            self.sessions.check(session)

    @staticmethod
    def _misfit(session: FetchSession | None, request: FetchRequest, uses_ids: bool) -> int:
        if session is None:
            return FetchSessionIdNotFound.code
        if session.uses_ids != uses_ids:
            return FetchSessionTopicIdError.code
        if session.epoch != request.session_epoch:
            return InvalidFetchSessionEpoch.code
        return 0

    def _open_session(
        self, context: Context, request: FetchRequest, uses_ids: bool, now_ms: int
    ) -> FetchSession | None:
        privileged = context.replica >= 0
        partitions = _partitions_of(request)
        if partitions == 0:
            return None
        allowed, evicted = self.sessions.make_room(privileged=privileged, partitions=partitions, now_ms=now_ms)
        if not allowed:
            return None
        if evicted is not None:
            self.sessions.evicted += 1
            self._end_session(evicted)
        session = self.sessions.open(privileged=privileged, uses_ids=uses_ids, now_ms=now_ms)
        self._name(session, request, uses_ids)
        return session

    def _go_on(self, session: FetchSession, request: FetchRequest, uses_ids: bool, now_ms: int) -> None:
        session.epoch = next_epoch(session.epoch)
        session.used_ms = now_ms
        if session.fetch is not None:
            self._finish(session.fetch)  # its sender replaced it with this one
        self._name(session, request, uses_ids)
        for topic in request.forgotten_topics_data:
            for partition in topic.partitions:
                cached = session.forget(topic.topic_id if uses_ids else topic.topic, partition)
                if cached is not None:
                    self.sessions.partitions -= 1
                    self._call_off(cached)
        if not session.partitions:
            self.sessions.remove(session)

    def _name(self, session: FetchSession, request: FetchRequest, uses_ids: bool) -> None:
        before = len(session.partitions)
        for topic in request.topics:
            name = topic.topic_id if uses_ids else topic.topic
            for asked in topic.partitions:
                session.name(name, asked)
        added = len(session.partitions) - before
        if added:
            self.sessions.partitions += added

    def _ask(self, fetch: PendingFetch, session: FetchSession | None, request: FetchRequest, uses_ids: bool) -> bool:
        """Ask the replicas of due partitions; True if the only one that was asked won't answer before it has data."""
        if session is not None:
            session.begin(fetch)
            due = session.take_due()
            may_wait = fetch.min_bytes == 1 and request.max_wait_ms > 0  # else it may end before any answer
            quiet = len(due) == 1 and not fetch.names_all and may_wait
            for cached in due:
                self._ask_one(fetch, cached, cached.fetch_offset, quiet)
            return quiet and not fetch.urgent
        for topic in request.topics:
            name = topic.topic_id if uses_ids else topic.topic
            for asked in topic.partitions:
                self._ask_one(fetch, CachedPartition(name, asked), asked.fetch_offset)
        return False

    def _ask_one(self, fetch: PendingFetch, cached: CachedPartition, beyond: int, quiet: bool = False) -> None:
        replaces = cached.token
        self.last_token = token = self.last_token + 1
        fetch.ask(cached, token, quiet=quiet)
        if replaces >= 0:
            self.asked.pop(replaces, None)
        context = fetch.context
        replica = replica_of(self.node.view, cached.topic, cached.partition, context.may_read)
        if isinstance(replica, int):
            fetch.take(cached, ReadAnswer(token, replica, False, -1, -1, -1, None, None))
            return
        self.asked[token] = cached
        replica.tell(
            Read(
                self.ref,
                token,
                replaces,
                cached.fetch_offset,
                beyond,
                min(cached.max_bytes, fetch.max_bytes),
                cached.leader_epoch,
                cached.last_fetched_epoch,
                cached.log_start_offset,
                context.isolation,
                context.replica,
                context.broker_epoch,
                quiet,
                cached.sent_high_watermark,
            )
        )

    def _call_off(self, cached: CachedPartition) -> None:
        if self.asked.pop(cached.token, None) is None:
            return
        replica = replica_of(self.node.view, cached.topic, cached.partition)
        if not isinstance(replica, int):
            replica.tell(CancelRead(cached.token))

    @receives(ReadAnswer)
    def answered(self, answer: ReadAnswer) -> None:
        """Handle a replica's answer, which may say that another follows."""
        cached = self.asked.get(answer.token) if answer.parked else self.asked.pop(answer.token, None)
        if cached is None or cached.state not in (ASKED, PARKED):
            return
        fetch = cached.session.fetch if cached.session is not None else cached.fetch
        if fetch is None or fetch.finished:
            if cached.session is not None and not answer.parked:
                cached.state = DUE
                cached.session.due[cached.key] = cached
            return
        was_waiting = fetch.unanswered == 0
        fetch.take(cached, answer)
        if fetch.unanswered:
            return
        if not fetch.is_complete():
            self._heard(fetch)
        elif was_waiting and len(fetch.partitions) > 1 and self.inbox.depth:
            self.inbox.send(Deliver(fetch))  # more may have fired with it
        else:
            self._finish(fetch)

    @receives(Deliver)
    def deliver(self, message: Deliver) -> None:
        """Answer a fetch that has found enough."""
        if not message.fetch.finished:
            self._heard(message.fetch)

    def _heard(self, fetch: PendingFetch) -> None:
        """Answer or wait for more, as all replicas have answered."""
        now_ms = self.now_ms()
        session = fetch.session
        nothing_asked = not fetch.partitions and (session is None or not session.partitions)
        if fetch.is_complete() or nothing_asked or fetch.deadline_ms <= now_ms:
            self._finish(fetch)
            return
        if self.bytes_waiting + fetch.bytes_found - fetch.bytes_counted > FETCH_BYTES_WAITING_MAX:
            self._finish(fetch)  # others that wait for more hold enough memory
            return
        for cached in fetch.too_little():
            self._ask_one(fetch, cached, self._seen(fetch, cached))
        if fetch.is_complete():
            self._finish(fetch)
        else:
            self._wait(fetch, now_ms)

    @staticmethod
    def _seen(fetch: PendingFetch, cached: CachedPartition) -> int:
        """How far a reader that needs more has seen; its replica answers again when the limit has moved past that."""
        answer = cached.answer
        assert answer is not None
        limit = answer.last_stable_offset if fetch.context.isolation else answer.high_watermark
        return max(cached.fetch_offset, limit)

    def _wait(self, fetch: PendingFetch, now_ms: int) -> None:
        """Check it when its time is over. A session has one entry, which also serves its later fetches."""
        if fetch.bytes_found:
            self.bytes_waiting += fetch.bytes_found - fetch.bytes_counted
            fetch.bytes_counted = fetch.bytes_found
        waiting = fetch if fetch.session is None else fetch.session
        if waiting.timed:
            return
        waiting.timed = True
        self.looks += 1
        heappush(self.deadlines, (fetch.deadline_ms, self.looks, waiting))
        if self.deadlines[0][0] < self.expiry.due:
            self.expiry.at(self.deadlines[0][0], now_ms)

    @receives(Expire)
    def expire(self, message: Expire) -> None:
        """Answer the fetches whose time is over with what there is."""
        now_ms = self.now_ms()
        deadlines = self.deadlines
        while deadlines and deadlines[0][0] <= now_ms:
            waiting = heappop(deadlines)[2]
            if isinstance(waiting, FetchSession):
                waiting.timed = False
                fetch = waiting.fetch
                if fetch is not None and fetch.deadline_ms > now_ms:
                    self._wait(fetch, now_ms)
                    continue
            else:
                fetch = waiting
            if fetch is not None and not fetch.finished:
                self._finish(fetch)
        self.expiry.rang()  # only now, so that it is set once for all fetches that still wait
        if deadlines:
            self.expiry.by(deadlines[0][0], now_ms)

    def _finish(self, fetch: PendingFetch) -> None:
        named = fetch.finish()
        context: Context = fetch.context
        if self.waiting.get(context.connection) is fetch:
            del self.waiting[context.connection]
        if fetch.bytes_counted:
            self.bytes_waiting -= fetch.bytes_counted
        context.reply.set(fetch_response(named, context, self.node.view.image))
        for cached in fetch.partitions.values():
            cached.answer = None
            if cached.session is None and cached.state in (ASKED, PARKED):
                self._call_off(cached)
        if checked.on:
            self.sessions.check(fetch.session)

    @receives(FetchGivenUp)
    def given_up(self, message: FetchGivenUp) -> None:
        """Release what a fetch has found and asked for; no client waits for its response."""
        fetch = self.waiting.get(message.connection)
        if fetch is not None:
            self._finish(fetch)

    def _end_session(self, session: FetchSession | None) -> None:
        if session is None:
            return
        self.sessions.remove(session)
        if session.fetch is not None:
            self._finish(session.fetch)
        for cached in session.partitions.values():
            self._call_off(cached)


def _partitions_of(request: FetchRequest) -> int:
    return sum(len(topic.partitions) for topic in request.topics)
