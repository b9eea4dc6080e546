"""Why answers differ: every difference between kstore and Apache Kafka that is meant, or can't be helped.

A table. What matches no row fails the comparison, and so does a row that matches nothing. Patterns know ``*`` alone; an
answer is named ``<api>/<case>/<step>/v<version>``, a field by the names and keys on the way to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from matrix.comparing import Difference
from matrix.not_served import NOT_SERVED

from actors.config.broker import deviations
from actors.config.kstore_table import OWN_KEYS
from kstore.named import NamedTuple


class Fields(NamedTuple):
    """Which fields of which answers; with ``ours`` or ``kafkas`` only where that is the value."""

    answer: str
    path: str = "*"
    ours: str = "*"
    kafkas: str = "*"

    def matches(self, difference: Difference) -> bool:
        return (
            like(self.answer, difference.answer)
            and like(self.path, difference.path)
            and like(self.ours, repr(difference.ours))
            and like(self.kafkas, repr(difference.kafkas))
        )


class Explanation(NamedTuple):
    """A reason, and the differences that it explains."""

    reason: str
    fields: tuple[Fields, ...]

    def matches(self, difference: Difference) -> bool:
        return any(each.matches(difference) for each in self.fields)


def like(pattern: str, text: str) -> bool:
    """True if a text is as a pattern with ``*`` in it says.

    >>> like("Fetch/*/v1*", "Fetch/what is there/from the end/v12")
    True
    """
    return pattern == "*" or compiled(pattern).fullmatch(text) is not None


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


def why(reason: str, *fields: Fields) -> Explanation:
    return Explanation(reason, fields)


ABSENT = "'absent'"
DEVIATING = sorted(deviations(2))
IDENTITY = ("advertised.listeners", "listeners", "log.dirs", "controller.listener.names", "controller.quorum.voters")
ELR = "min.insync.replicas"

MEANT = (
    why(
        "The kstore cluster that is compared is in memory: it has no disk whose size could be told.",
        Fields("DescribeLogDirs/the room on the disk/*", "results/folder/*_bytes", ours="-1"),
    ),
    why(
        "A topic that a Metadata request creates is in the first answer already; Apache Kafka says first that it "
        "doesn't exist.",
        Fields("Metadata/made on first use/asked for/*", "topics/t/*"),
    ),
    why(
        "A new cluster of Apache Kafka has eligible leader replicas: `min.insync.replicas` is set for all brokers, and "
        "the last in-sync replica leaves the set when it dies. kstore doesn't have them.",
        Fields("DescribeConfigs/*", f"results/*/configs/{ELR}/*"),
        Fields("DescribeConfigs/of a broker/of all brokers/*", "results/0/configs*", kafkas=f"*{ELR}*"),
        Fields("CreateTopics/*", f"topics/*/configs/{ELR}/config_source"),
        Fields("Metadata/of a dead node's/its own partition/*", "*/isr_nodes", "[2]", "[]"),
    ),
    why(
        "Defaults that differ in kstore: `docs/deviations.md` lists them.",
        *(Fields("DescribeConfigs/of a broker/*", f"results/1/configs/{key}/synonyms/*") for key in DEVIATING),
        Fields("DescribeConfigs/of a broker/*", "results/1/configs/queued.max.request.bytes/value"),
    ),
    why(
        "Where a node listens and has its data: a node in memory has no folder, and kstore's controller has no "
        "listener.",
        *(Fields("DescribeConfigs/of a broker/*", f"results/1/configs/{key}/*") for key in IDENTITY),
        Fields("DescribeQuorum/the metadata log/*", "nodes/*/listeners", "[]"),
    ),
    why(
        "Keys of kstore's own, for bounds that Apache Kafka doesn't have.",
        *(Fields("DescribeConfigs/*", f"results/*/configs/{key.name}*", kafkas=ABSENT) for key in OWN_KEYS),
    ),
    why(
        "An unknown broker key is refused; Apache Kafka accepts it.",
        Fields("IncrementalAlterConfigs/of brokers/an unknown key/*"),
    ),
    why(
        "Features that kstore doesn't have aren't listed.",
        Fields("ApiVersions/asked*", "supported_features/*"),
        Fields("ApiVersions/asked*", "finalized_features/*", ABSENT),
    ),
    why(
        "Followers don't serve consumers (KIP-392 isn't implemented); in Apache Kafka a follower answers any consumer "
        "that asks it.",
        Fields("Fetch/from a follower/by a consumer with a rack/*"),
    ),
    why(
        "If a topic in a session was deleted, and another one has its name, its id is unknown; Apache Kafka says that "
        "id and name don't match.",
        Fields("Fetch/a session and a topic that is made anew/*", "*/error_code", "100", "103"),
        Fields("Fetch/a session and a topic that is made anew/*", "*/aborted_transactions", "[]", "None"),
    ),
    why(
        "Only nodes of the cluster, on their own links, may fetch as replicas. Any other client is told that it isn't "
        "authorized, whichever partition it asks for.",
        Fields("Fetch/as a replica/*"),
    ),
    why(
        "The log start offset isn't given when a batch is refused.",
        Fields("Produce/*", "*/log_start_offset", "-1", "0"),
    ),
    why(
        "If a request names a partition twice, both batches are appended and answered; Apache Kafka drops one of them "
        "without an error.",
        Fields("Produce/wrong in the request/one partition twice/*"),
    ),
    why(
        "The answer to a repeated batch has only its offset; Apache Kafka gives the time of the batch's last record as "
        "the time of the append, whatever the topic's timestamp type.",
        Fields("Produce/idempotent/*", "*/log_append_time_ms", "-1", "1700000000040"),
        Fields("Produce/in a transaction/second again/*", "*/log_append_time_ms", "-1", "1700000000040"),
        Fields("Produce/to a topic with a codec of its own/* again/*", "*/log_append_time_ms", "-1", "1700000000040"),
    ),
    why(
        "With a time limit of zero or less, kstore does what it was asked; Apache Kafka answers at once that the time "
        "is over.",
        Fields("CreateTopics/in the request/* time/*"),
    ),
    why(
        "An error code comes with a message where Apache Kafka gives none.",
        Fields("Produce/*", "*/error_message", kafkas="None"),
    ),
)
"""Differences that kstore means."""

KAFKAS_DEFECTS = (
    why(
        "Apache Kafka fails and answers UNKNOWN_SERVER_ERROR; kstore names the error, or accepts what does no harm.",
        Fields("*", "*error_code", kafkas="-1"),
        Fields("*", "topics/-1", ABSENT),
        Fields("Metadata/topics by id/neither id nor name/*"),
        Fields("Fetch/so many bytes/a negative number/*"),
        Fields("Fetch/what isn't there/no such isolation level/*"),
        Fields("ListOffsets/epochs, levels and replicas/no such level/*"),
        Fields("Produce/wrong batches/not compressed at all/*"),
        Fields("Produce/wrong batches/codec 6/*"),
    ),
    why(
        "Apache Kafka fails and never answers.",
        Fields("Produce/wrong in the request/null records/*"),
        Fields("AddPartitionsToTxn/verified/of nothing/*"),
    ),
    why(
        "Topics by id in versions before 12: both refuse them, but Apache Kafka's answer then has no brokers, and has "
        "each topic as often as it was asked for.",
        Fields("Metadata/topics by id/*/v10"),
        Fields("Metadata/topics by id/*/v11"),
    ),
    why(
        "A negative epoch is unknown; Apache Kafka takes one below -1 for an epoch before the first.",
        Fields("OffsetForLeaderEpoch/epochs/of epoch -2/*"),
    ),
    why(
        "A text that isn't UTF-8 closes the connection; Java reads it with replacement characters.",
        Fields("ApiVersions/frames that are no requests/a client id that is no UTF-8/*"),
    ),
)
"""Differences that are Apache Kafka's doing."""

TEXTS = (
    why(
        "The same message in other words.",
        Fields("*", "*error_message"),
    ),
)
"""Messages, which are compared last: these rows take what no row before them has."""

OF_KEYS = tuple(
    why(reason, *(Fields("ApiVersions/a*", f"api_keys/{key}", ABSENT) for key in keys))
    for reason, keys in NOT_SERVED.items()
)
"""Keys that Apache Kafka advertises and kstore doesn't."""

EXPLANATIONS = (*MEANT, *KAFKAS_DEFECTS, *OF_KEYS, *TEXTS)


def explained(found: Iterable[Difference]) -> tuple[dict[Explanation, list[Difference]], list[Difference]]:
    """Each difference under the first row that explains it, and those that none explains."""
    by_row: dict[Explanation, list[Difference]] = {row: [] for row in EXPLANATIONS}
    without: list[Difference] = []
    for difference in found:
        row = next((each for each in EXPLANATIONS if each.matches(difference)), None)
        (without if row is None else by_row[row]).append(difference)
    return by_row, without
