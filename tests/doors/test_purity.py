"""Which modules are pure: state and events go in, state and effects come out, and nothing is reached that waits or
acts; not even for types, as a module that is handed an actor's part acts on it. ``CARRIED`` has the exceptions.

In the folders of ``DECIDING`` each module is pure unless ``ACTING`` names it; of the others those of ``PURE`` are.
"""

from functools import cache

import pytest
from doors.imports import Import, imports, modules, reached
from doors.test_doors import WORLDLY_MODULES
from tidy.sources import assert_none

DECIDING = ("config", "controller", "coordinator", "groups", "image", "partition", "transactions")

# Modules of the deciding folders that aren't pure, and what they do instead of deciding.
ACTING = {
    "actors.config.documentation": "reads the texts of keys from the package's files",
    "actors.config.documents": "writes the pages of keys",
    "actors.controller.controller": "the controller's actor",
    "actors.controller.fetching": "reads the metadata log for others",
    "actors.controller.formatted_features": "reads what was written down for a new cluster",
    "actors.controller.keeper": "the actors that keep the metadata log",
    "actors.controller.metadata_log": "reads and writes the log's batches and the quorum's state",
    "actors.controller.observer": "the observer's actor",
    "actors.controller.sole_voter": "appends to the log, and reads it for others",
    "actors.controller.without_effect": "tells the log which configs do nothing",
    "actors.coordinator.coordinator": "the coordinator's actor",
    "actors.groups.shard_factory": "makes shards of a node's",
    "actors.partition.checkpoints": "the actors that write checkpoints",
    "actors.partition.fetch.service": "the service's actor",
    "actors.partition.follower.follower": "acts for a replica",
    "actors.partition.follower.replica_fetcher": "the fetcher's actor",
    "actors.partition.leader.deletions": "acts for a leader",
    "actors.partition.leader.leader": "appends to the log",
    "actors.partition.leader.offset_lookup": "reads the log",
    "actors.partition.leader.preparing": "acts for a leader",
    "actors.partition.leader.serving": "reads the log for others",
    "actors.partition.log_cleaner": "the cleaner's actor",
    "actors.partition.log_scrubber": "the scrubber's actor",
    "actors.partition.replica.compacting": "cleans the log",
    "actors.partition.replica.damaged_log": "the log of a replica's actor, if it is damaged",
    "actors.partition.replica.ending": "removes a replica's files",
    "actors.partition.replica.log_owner": "the log of a replica's actor",
    "actors.partition.replica.offline": "probes the disk",
    "actors.partition.replica.opening": "opens logs",
    "actors.partition.replica.repairing": "checks and renames files",
    "actors.partition.replica.replica": "the replica's actor",
    "actors.partition.replica.scrubbing": "checks the log's files",
    "actors.partition.to_controller.directory_assignments": "the actor that tells of directories",
    "actors.partition.to_controller.isr_changes": "the actor that brings changes to the controller",
    "actors.partition.to_controller.producer_ids": "the actor of producer ids",
    "actors.partition.to_controller.request_queue": "wakes the actors that send to the controller",
    "actors.transactions.marker_sender": "the actor that sends markers",
    "actors.transactions.shard_factory": "makes shards of a node's",
}

# Pure modules of the other folders.
PURE = {
    "actors.broker": "endpoints error_answers identity registry",
    "actors.clients": "arguments metadata structs versions view",
    "actors.clients.admin": "descriptions",
    "actors.clients.consumer": "columns fetch_sessions fetch_sources isolation subscription",
    "actors.clients.consumer.assignors": (
        "claims cooperative even hash_order movements ranges round_robin sticky strategy uneven wire"
    ),
    "actors.clients.consumer.protocols.classic": "membership requests",
    "actors.clients.consumer.protocols.consumer": "membership requests",
    "actors.clients.keywords": "bootstrap config rules table",
    "actors.clients.producer": "idempotence produce_requests",
    "actors.clients.producer.transactions": "machine reasons requests sequences states steps",
    "actors.network": "addresses channel_messages framing request_memory",
    "actors.node": "authorizer topic_descriptions view",
    "actors.runtime": "backoff limits",
    "actors.simulation": "history ledger requests",
}

# What pure modules name for types although it isn't pure: data of theirs carries it, or they read the data that it has.
CARRIED = {
    "actors.broker.call": "actors.broker.endpoints actors.broker.identity",
    "actors.clients.producer.partition_queues": (
        "actors.clients.producer.idempotence actors.clients.producer.transactions.sequences"
    ),
    "actors.clients.producer.pending": (
        "actors.clients.producer.idempotence actors.clients.producer.produce_requests "
        "actors.clients.producer.transactions.sequences"
    ),
    "actors.runtime": (
        "actors.node.view actors.partition.cleaning_messages actors.partition.fetch.requests "
        "actors.partition.leader.notes actors.partition.messages actors.partition.replica.disk_queue"
    ),
    "actors.runtime.coroutine": "actors.clients.metadata",
    "kstore.log": (
        "actors.partition.fetch.answers actors.partition.leader.notes actors.partition.leader.transactional_appends "
        "actors.partition.messages actors.partition.replica.disk_queue"
    ),
    "kstore.log.answers": "actors.partition.scrub_messages",
    "kstore.log.cleanable": "actors.partition.cleaning_messages",
    "kstore.log.cleaning": "actors.partition.cleaning_messages",
    "kstore.log.manifest": "actors.partition.messages",
    "asyncio": "actors.network.request_memory",
}

# What a pure module reaches neither itself nor through anything that it imports.
FORBIDDEN = ("actors.runtime", "actors.network", "kstore.fs", "pykka", "io", "os", "pathlib", *WORLDLY_MODULES)


def pure_modules() -> list[str]:
    deciding = tuple(f"actors.{folder}" for folder in DECIDING)
    inside = [name for name in modules() if ".".join(name.split(".")[:2]) in deciding and name not in ACTING]
    return sorted(inside + [f"{folder}.{name}" for folder, names in PURE.items() for name in names.split()])


def offences(name: str) -> dict[str, Import]:
    """What a module reaches, or names for types, that a pure one doesn't, and the imports that lead there."""
    carried = {module for module, names in CARRIED.items() if name in names.split()}
    handed = {each.module: each for each in _named_for_types(name) if each.module not in carried}
    return handed | _run(name)


def _named_for_types(name: str) -> list[Import]:
    """What a module names for types alone, and isn't pure."""
    named = [each for source in modules()[name] for each in imports(source) if each.only_for_types]
    return [each for each in named if each.is_of(*FORBIDDEN, *ACTING) or _run(each.module)]


@cache
def _run(name: str) -> dict[str, Import]:
    """What runs when a module is imported that doesn't when a pure one is."""
    pure = pure_modules()
    return {
        module: by
        for module, by in reached(name).items()
        if by.is_of(*FORBIDDEN) and module not in pure and not _runs_in_the_codec_alone(by)
    }


def _runs_in_the_codec_alone(each: Import) -> bool:
    """Kstore is pure by other doors; a module of its own may use, say, os.PathLike without being I/O."""
    return each.root not in {"kstore", "actors"} and each.source.name.startswith("kstore/")


@pytest.mark.parametrize("name", pure_modules())
def test_a_pure_module_reaches_no_runtime_no_network_no_disk_and_no_clock(name: str) -> None:
    assert name in modules(), "it has moved: name it anew"
    assert_none([f"{name} reaches {module}: {by}" for module, by in offences(name).items()])


def test_a_module_that_acts_is_there_and_isnt_pure() -> None:
    assert_none(sorted(ACTING.keys() - modules().keys()))
    assert_none([f"{name} is pure: take it off the list" for name in ACTING if not offences(name)])


def test_what_is_carried_is_named_and_isnt_pure() -> None:
    carried = {(module, name) for module, names in CARRIED.items() for name in names.split()}
    assert carried == {(each.module, name) for name in pure_modules() for each in _named_for_types(name)}


def test_what_an_impure_module_reaches_is_found() -> None:
    assert "pykka" in offences("actors.partition.replica.replica")
