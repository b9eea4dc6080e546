"""Checks that what a log knows of producers and of aborted transactions is what its batches say."""

from __future__ import annotations

from math import inf

from actors.simulation.ledger import Violation
from kstore.log import Log
from kstore.log.answers import AbortedTransaction
from kstore.log.producers import ProducerEntry, ProducerStates


def window_of(entry: ProducerEntry) -> list[tuple[int, ...]]:
    """Sequence numbers and offsets of a producer's last batches. A snapshot has one time for a producer, in Kafka's
    format as well, which is that of its last marker if that came later than the batch.
    """
    return [each.values()[:4] for each in entry.window]


def judge_producers(log: Log, label: str) -> None:
    """The producer state of a log equals a replay of its batches, and so do the transactions that were aborted.

    Where a log begins later or is compacted, a replay knows less: of each producer that it finds, the last batch, and
    not the epoch of a marker of which the header is left.
    """
    replayed = ProducerStates()
    batches = [batch for batch in log.batches(log.start_offset, log.end_offset) if batch.producer_id >= 0]
    aborted = [ended for batch in batches if (ended := replayed.add(batch)) is not None]
    noted = log.segments.aborted(log.start_offset, log.end_offset)
    emptied = {batch.producer_id for batch in batches if batch.is_control and not batch.count}
    is_whole = log.start_offset == 0 and not log.config.compacted
    if aborted != noted if is_whole else not has_all(noted, aborted):
        raise Violation("aborted transactions are a replay of the log", f"{label}: {noted}, the log says {aborted}")
    for entry in replayed:
        if entry.epoch < 0:
            continue  # only the header of a marker is left
        kept = log.producers.get(entry.producer_id)
        window, wanted = None if kept is None else window_of(kept), window_of(entry)
        if window is not None and not is_whole:
            window, wanted = window[-1:] if wanted else [], wanted[-1:]
        epoch = -1 if kept is None else kept.epoch
        is_older = entry.epoch < epoch and entry.producer_id in emptied
        if window != wanted or not (epoch == entry.epoch or is_older):
            raise Violation(
                "the producer state is a replay of the log",
                f"{label}: producer {entry.producer_id} has {(epoch, window)}, the log says {(entry.epoch, wanted)}",
            )
    if log.start_offset == 0 and len(log.producers) > len(replayed):
        raise Violation("the producer state is a replay of the log", f"{label}: it has producers that the log hasn't")


def has_all(noted: list[AbortedTransaction], aborted: list[AbortedTransaction]) -> bool:
    """Whether each transaction that was aborted is noted, from its first record that is there on or from before it."""
    known = {(each.producer_id, each.last_offset): each.first_offset for each in noted}
    return all(known.get((each.producer_id, each.last_offset), inf) <= each.first_offset for each in aborted)
