"""The producer as its user has it: records in, futures out.

``send`` is the accumulator's own method, so that a record costs no Python frame; everything here is what happens once
a batch: waking the sender, giving turns when a batch is full, waiting. Apache Kafka's Java client decides what the
keywords mean, kafka-python how they and the methods are called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from actors.clients.client import Client, tcp_transport
from actors.clients.errors import ClientClosed, KafkaTimeout
from actors.clients.producer.accumulator import Accumulator
from actors.clients.producer.bulk import send_many
from actors.clients.producer.sender import Sender
from actors.runtime.driver import DriverClosed
from actors.runtime.signals import in_one_piece
from kstore.errors.arguments import seconds, text

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Unpack

    from actors.clients.keywords.typed_dicts import ProducerKeywords
    from actors.clients.producer.futures import Future, ManyFuture
    from actors.clients.producer.serializing import Headers
    from actors.clients.producer.transactions.calls import TransactionCalls
    from actors.clients.structs import GroupMetadata, OffsetAndMetadata, TopicPartition
    from actors.clients.transport import Transport
    from kstore.errors import KafkaError

EXIT_SECONDS_MAX = 5  # after an exception: whatever is wrong may be what the records wait for
STOPPED_SECONDS_MAX = 0.5  # after Ctrl-C, or whatever else ends the program


class Producer(Client):
    """Sends records to a Kafka cluster: one in this process (``cluster.producer()``), or any over TCP.

    Any number of threads may use one producer. Batches are sent as soon as they are full or have lingered, or when
    a caller waits for one of their records. Keywords are kafka-python's, their defaults Apache Kafka 4.4's Java
    client's; see ``ProducerConfig``. Raises ``ConfigError`` for one that is wrong, unknown or not implemented yet.

    >>> from kstore import Cluster
    >>> with Cluster() as cluster, cluster.producer() as producer:
    ...     future = producer.send("order-events", key=b"order123", value=b"shipped")
    ...     metadata = future.get(timeout=10)
    >>> metadata.topic, metadata.partition, metadata.offset
    ('order-events', 0, 0)
    """

    @in_one_piece
    def __init__(
        self,
        *,
        bootstrap_servers: str | Sequence[str] = "localhost:9092",
        transport: Transport | None = None,
        **keywords: Unpack[ProducerKeywords],
    ) -> None:
        from actors.clients.keywords.table import ProducerConfig  # the table: not before there is a client

        self._config = ProducerConfig.parse(keywords)
        super().__init__(transport or tcp_transport(bootstrap_servers, "producer"))
        if not self._config.client_id:  # as the Java client names itself
            name = self._config.transactional_id or self._transport.number
            self._config = self._config.derived(client_id=f"producer-{name}")
        world = self._world
        self._accumulator = Accumulator(self._config, world.clock, world.random, world.callbacks, self)
        self._transactions: TransactionCalls | None = None
        self._sender = self._start_sender()
        if type(self).send is Producer.send:
            self.send = self._accumulator.send  # type: ignore[method-assign]  # without a frame in between

    def _start_sender(self) -> Sender:
        config = self._config
        if config.transactional_id is None:
            return self._start(Sender, "sender", config, self._accumulator)
        from actors.clients.producer.transactions.calls import TransactionCalls
        from actors.clients.producer.transactions.sender import TransactionalSender

        sender = self._start(TransactionalSender, "sender", config, self._accumulator)
        self._transactions = TransactionCalls(self._calls, sender, config.max_block_ms / 1000)
        return sender

    def send(
        self,
        topic: str,
        value: object = None,
        key: object = None,
        headers: Headers | None = None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
    ) -> Future:
        """Send a record; a future of its ``RecordMetadata``.

        ``value`` and ``key`` are bytes-like or None, or whatever ``value_serializer`` and ``key_serializer`` take;
        ``headers`` are pairs of a str and bytes or None; ``partition`` is chosen by the partitioner when None: by the
        key's murmur2, or else one partition for a batch after the other (KIP-794). ``timestamp_ms`` is now when None.

        A record that is too large, or whose topic brokers refuse, gives a future that has failed. Raises
        ``KafkaTimeout`` when the topic or the partition isn't known within ``max_block_ms``, ``BufferExhausted`` when
        there is no room in ``buffer_memory`` in that time, ``SerializationFailed``, ``TypeError`` for what isn't bytes,
        ``ValueError`` for a partition or a time below 0, ``ClientClosed``.
        """
        return self._accumulator.send(topic, value, key, headers, partition, timestamp_ms)

    def send_many(self, topic: str, values: Any, keys: Any = None) -> ManyFuture:
        """Send a record for each value; one future for all of them, whose ``get`` gives a list of ``SentRange``.

        ``values``, and ``keys`` if there are as many, are a list of bytes-like objects and None, or columns: a 1-D
        NumPy array of dtype ``S`` or ``V``, a 2-D one of uint8 with a row for each value, a pair ``(data, offsets)``
        of uint8 and int64 arrays where value ``i`` is ``data[offsets[i]:offsets[i + 1]]``, or a ``BytesColumn`` of
        ``Consumer.poll_columns``.

        As all the records are there, their batches are as large as ``max_request_size``, whatever ``batch_size``.
        Raises what ``send`` raises, and ``MessageTooLarge`` for a value that is; those before it are sent all the same.

        >>> from kstore import Cluster
        >>> with Cluster() as cluster, cluster.producer() as producer:
        ...     producer.send_many("readings", [b"21.5", b"21.7", b"21.4"]).get(timeout=10)
        [SentRange(topic='readings', partition=0, offset=0, records=3)]
        """
        return send_many(self._accumulator, topic, values, keys)

    def init_transactions(self) -> None:
        """Become the producer of the ``transactional_id``, once, before the first transaction.

        The producer before it is fenced, and what that had open is aborted. Like all that waits for brokers in a
        transaction, this takes up to ``max_block_ms``; after a ``KafkaTimeout`` it can be called again. Raises
        ``InvalidTransactionTimeout`` for a ``transaction_timeout_ms`` that brokers don't allow.
        """
        self._checked_transactions("init_transactions").initialize()

    def begin_transaction(self) -> None:
        """Begin a transaction: what is sent from now on, by all threads, is in it. Asks no broker."""
        self._checked_transactions("begin_transaction").begin()

    def send_offsets_to_transaction(
        self, offsets: Mapping[TopicPartition, OffsetAndMetadata | int], group_metadata: GroupMetadata
    ) -> None:
        """Commit a consumer's offsets (of the next record to read) with the transaction: they count when it commits.

        ``group_metadata`` is ``consumer.group_metadata()``, by which a consumer that isn't in its group any more is
        found out; it should have ``enable_auto_commit=False``. Raises ``CommitFailed`` then, and what else leaves the
        transaction to be aborted.
        """
        self._checked_transactions("send_offsets_to_transaction").send_offsets(offsets, group_metadata)

    def commit_transaction(self) -> None:
        """Send everything, and commit it when all is acknowledged.

        Raises ``TransactionAbortable`` when a record or an offset wasn't taken: ``abort_transaction()`` then;
        ``ProducerFenced`` when another producer has the ``transactional_id``, and what else ends this one. Each error
        says what to do.
        """
        self._checked_transactions("commit_transaction").commit()

    def abort_transaction(self) -> None:
        """Abort the transaction: readers of committed records get nothing of it, its offsets don't count. Records that
        weren't sent yet fail with ``TransactionAborted``.
        """
        self._checked_transactions("abort_transaction").abort()

    def transaction(self) -> AbstractContextManager[None]:
        """A transaction as a block: committed at its end, aborted when an exception leaves it.

        >>> from kstore import Cluster
        >>> with Cluster() as cluster, cluster.producer(transactional_id="shop") as producer:
        ...     producer.init_transactions()
        ...     with producer.transaction():
        ...         future = producer.send("invoices", b"42")
        >>> future.get().offset
        0
        """
        return self._checked_transactions("transaction").transaction()

    def _checked_transactions(self, name: str) -> TransactionCalls:
        if self._transactions is None:
            raise ValueError(f"{name}() is a transactional producer's: give it a transactional_id")
        return self._transactions

    @in_one_piece
    def flush(self, timeout: float | None = None) -> None:
        """Send everything at once, and wait until all that was sent before is acknowledged or has failed.

        Raises ``KafkaTimeout`` when it isn't after ``timeout`` seconds, ``ClientClosed``.
        """
        timeout_s = seconds("timeout", timeout, or_none=True)
        if self._calls.closed:
            raise self._calls.gone()
        if not self._wait_for_all(timeout_s):
            raise KafkaTimeout(f"not everything was acknowledged in {timeout_s:g} seconds{self._calls.why_late()}")

    def _wait_for_all(self, timeout_s: float | None) -> bool:
        self._accumulator.close_all()
        pending = list(self._accumulator.incomplete)
        self.signal(False)

        def over() -> bool:
            while pending and pending[-1].is_over():
                pending.pop()
            return not pending

        return self.wait(over, timeout_s)

    def partitions_for(self, topic: str) -> set[int]:
        """The partitions of a topic, asking the cluster if the topic isn't known yet; ``KafkaTimeout`` as ``send``."""
        self.find_topic(text("topic", topic), -1)
        return set(self._sender.view.topics[topic].partitions)

    def metrics(self) -> dict[str, dict[str, float]]:
        """What the producer has done so far, under kafka-python's names; only what is really counted."""
        return self._sender.counts.metrics(self._accumulator.free_bytes, self._config.buffer_memory)

    @in_one_piece
    def close(self, timeout: float | None = None) -> None:
        """Send everything, wait up to ``timeout`` seconds (None: until it is acknowledged or has failed), and close.

        What isn't acknowledged by then fails with ``ClientClosed``; so it does at once with 0, and when the cluster
        is closed already. An open transaction is aborted. Harmless when the producer is closed already.
        """
        timeout_s = seconds("timeout", timeout, or_none=True)
        if self._calls.closed or self._calls.is_parents():
            return
        try:
            if self._transactions is not None and timeout_s != 0:
                self._transactions.close(timeout_s)
            if self._accumulator.incomplete and timeout_s != 0:
                self._wait_for_all(timeout_s)
        except ClientClosed:
            self._accumulator.end()  # the cluster went first
        finally:
            self._accumulator.end()
            error = ClientClosed("the producer was closed before the record was acknowledged")
            try:
                self._world.driver.call(self._sender.give_up, error)
            except DriverClosed:
                self._sender.give_up(error)
            self._calls.end()
            self._world.call_back()

    def lost(self, how: str) -> None:
        """As ``Client.lost``: what isn't acknowledged never will be."""
        super().lost(how)
        self._accumulator.end()
        self._sender.give_up(ClientClosed(f"the cluster was {how} before the record was acknowledged"))

    def __exit__(self, *exc: object) -> None:
        """As ``close``; left by an exception, what was sent gets ``EXIT_SECONDS_MAX`` to be acknowledged, no more, and
        ``STOPPED_SECONDS_MAX`` if that ends the program, as Ctrl-C does.
        """
        if not exc or exc[0] is None:
            self.close()
        else:
            self.close(EXIT_SECONDS_MAX if isinstance(exc[1], Exception) else STOPPED_SECONDS_MAX)

    def find_topic(self, name: str, partition: int) -> None:
        """Wait until a topic is known with a partition (-1: any): the accumulator asks for it."""
        name = text("topic", name)
        wait_ms = self._config.max_block_ms
        try:
            self._calls.run("send", self._sender.find_topic, name, partition, timeout_s=wait_ms / 1000)
        except KafkaTimeout:
            what = f"topic {name}" if partition < 0 else f"partition {partition} of topic {name}"
            late = KafkaTimeout(f"{what} was not known after max_block_ms ({wait_ms}){self._calls.why_late()}")
            self.refused(late)
            raise late from None

    def refused(self, error: KafkaError) -> None:
        """A record isn't taken: the accumulator says so, as a transaction can't be committed without it."""
        if self._transactions is not None:
            self._transactions.refused(error)

    @in_one_piece
    def signal(self, filled: bool) -> None:
        """Batches were opened or closed; when one is full, this thread gives the turns that send it."""
        driver = self._world.driver
        try:
            if filled:
                driver.pump(self._wake)
            else:
                driver.call(self._wake)
        except DriverClosed:
            raise ClientClosed("the cluster of this producer was closed") from None

    @in_one_piece
    def send_open(self) -> None:
        """A batch that was open is closed, as a caller waits for it; the sender sees it if it is awake anyway."""
        if not self._sender.is_awake:
            self.signal(False)

    def _wake(self) -> None:
        queue = self._world.queue
        if not self._transport.node.alive:
            raise self._calls.gone()
        queue.enter(self._sender.inbox.actor_id, "Producer.send")
        self._sender.woken()
        queue.leave()

    def wait(self, until: Callable[[], object], timeout_s: float | None) -> bool:
        """Drive until a condition holds."""
        return self._calls.drive(until, timeout_s)
