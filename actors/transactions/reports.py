"""DescribeTransactions and ListTransactions: what is told of transactional ids, without touching them."""

from collections.abc import Iterable
from itertools import groupby

from actors.transactions.states import BY_NAME
from actors.transactions.transaction import Transaction
from kstore.errors import TransactionalIdNotFound
from kstore.schema.messages.describe_transactions import TopicData
from kstore.schema.messages.describe_transactions import TransactionState as Described
from kstore.schema.messages.list_transactions import ListTransactionsRequest
from kstore.schema.messages.list_transactions import TransactionState as Listed


def describe(transactional_id: str, transaction: Transaction | None) -> Described:
    if transaction is None or not transaction.is_written:
        return Described(transactional_id=transactional_id, error_code=TransactionalIdNotFound.code)
    now = transaction.metadata
    return Described(
        transactional_id=transactional_id,
        transaction_state=now.state.value,
        transaction_timeout_ms=now.timeout_ms,
        transaction_start_time_ms=now.started_at_ms,
        producer_id=now.producer_id,
        producer_epoch=now.epoch,
        topics=[
            TopicData(topic=topic, partitions=[number for _, number in partitions])
            for topic, partitions in groupby(sorted(transaction.partitions), key=lambda partition: partition[0])
        ],
    )


def listed(transactions: Iterable[Transaction], request: ListTransactionsRequest, now_ms: int) -> list[Listed]:
    """Those that the filters let through; an empty one lets everything through. Of an id without a transaction the
    start is -1, so that it is older than any duration, as in Kafka.
    """
    states = {BY_NAME.get(name) for name in request.state_filters}
    producer_ids = set(request.producer_id_filters)
    longer_than_ms = request.duration_filter
    return [
        Listed(
            transactional_id=each.transactional_id,
            producer_id=each.metadata.producer_id,
            transaction_state=each.metadata.state.value,
        )
        for each in transactions
        if each.is_written
        and (not states or each.metadata.state in states)
        and (not producer_ids or each.metadata.producer_id in producer_ids)
        and (longer_than_ms < 0 or now_ms - each.metadata.started_at_ms > longer_than_ms)
    ]


def unknown_states(names: Iterable[str]) -> list[str]:
    """Those of the states asked for that don't exist."""
    return [name for name in dict.fromkeys(names) if name not in BY_NAME]
