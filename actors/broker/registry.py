"""The API keys that the broker answers: the module that handles each, its versions, and whether clients may use it.

The versions are here as well as in the modules (a test compares them), so that ApiVersions can be answered without
importing every handler. A handler and its messages are imported when the key is first used, except those that every
cluster needs before its first record: the broker imports these with itself.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from kstore.named import NamedTuple


class Served(NamedTuple):
    """One API key. ``advertised_first`` differs from ``first`` only for Produce, whose versions 0 to 2 are advertised
    but refused, as Apache Kafka does for the sake of old librdkafka.
    """

    key: int
    module: str
    first: int
    last: int
    advertised_first: int


def _served(key: int, module: str, first: int, last: int) -> Served:
    return Served(key, module, first, last, 0 if key == 0 else first)


CLIENT_APIS = {
    served.key: served
    for served in (
        _served(0, "produce", 3, 13),
        _served(1, "fetch", 4, 18),
        _served(2, "list_offsets", 1, 11),
        _served(3, "metadata", 0, 13),
        _served(8, "offset_commit", 2, 10),
        _served(9, "offset_fetch", 1, 10),
        _served(10, "find_coordinator", 0, 6),
        _served(11, "join_group", 0, 9),
        _served(12, "heartbeat", 0, 4),
        _served(13, "leave_group", 0, 5),
        _served(14, "sync_group", 0, 5),
        _served(15, "describe_groups", 0, 6),
        _served(16, "list_groups", 0, 5),
        _served(18, "api_versions", 0, 5),
        _served(19, "create_topics", 2, 7),
        _served(20, "delete_topics", 1, 6),
        _served(21, "delete_records", 0, 2),
        _served(22, "init_producer_id", 0, 5),
        _served(23, "offset_for_leader_epoch", 2, 4),
        _served(24, "add_partitions_to_txn", 0, 5),
        _served(25, "add_offsets_to_txn", 0, 4),
        _served(26, "end_txn", 0, 5),
        _served(27, "write_txn_markers", 1, 2),
        _served(28, "txn_offset_commit", 0, 6),
        _served(32, "describe_configs", 1, 4),
        _served(33, "alter_configs", 0, 2),
        _served(35, "describe_log_dirs", 1, 5),
        _served(37, "create_partitions", 0, 3),
        _served(42, "delete_groups", 0, 3),
        _served(43, "elect_leaders", 0, 2),
        _served(44, "incremental_alter_configs", 0, 1),
        _served(47, "offset_delete", 0, 0),
        _served(55, "describe_quorum", 0, 2),
        _served(57, "update_features", 0, 2),
        _served(60, "describe_cluster", 0, 2),
        _served(61, "describe_producers", 0, 0),
        _served(65, "describe_transactions", 0, 0),
        _served(66, "list_transactions", 0, 2),
        _served(68, "consumer_group_heartbeat", 0, 1),
        _served(69, "consumer_group_describe", 0, 1),
        _served(74, "list_config_resources", 0, 1),
        _served(75, "describe_topic_partitions", 0, 0),
    )
}
"""The API keys for clients; ApiVersions advertises these."""

NODE_APIS = {
    served.key: served
    for served in (
        _served(56, "alter_partition", 2, 3),
        _served(62, "broker_registration", 0, 4),
        _served(63, "broker_heartbeat", 0, 1),
        _served(67, "allocate_producer_ids", 0, 0),
        _served(73, "assign_replicas_to_dirs", 0, 0),
    )
}
"""The API keys for other nodes only, on links inside the cluster; never advertised, and refused to clients."""

NEEDED_BY_ALL = (0, 1, 3, 18, 19, 22, 62, 63, 67)
"""Produce, Fetch, Metadata, ApiVersions, CreateTopics, InitProducerId, and what brokers send to their controller."""

_handlers: dict[int, ModuleType] = {}


def served(api_key: int, *, to_node: bool) -> Served | None:
    """The entry of an API key; ``None`` if it isn't answered, or not to this peer."""
    found = CLIENT_APIS.get(api_key)
    if found is None and to_node:
        found = NODE_APIS.get(api_key)
    return found


def handler(api_key: int) -> ModuleType:
    """The module that handles an API key that is served."""
    module = _handlers.get(api_key)
    if module is None:
        entry = CLIENT_APIS.get(api_key) or NODE_APIS[api_key]
        module = _handlers[api_key] = import_module(f"actors.broker.apis.{entry.module}")
    return module
