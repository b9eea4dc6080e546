"""Which modules are pure: state and events go in, state and effects come out, and nothing is reached that waits or
acts; not even for types, as a module that is handed an actor's part acts on it.

In the folders of ``DECIDING`` each module is pure unless ``ACTING`` names it; of the others those of ``PURE`` are.
"""

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
    "actors.partition.checkpoints": "the actors that write checkpoints",
    "actors.partition.fetch.desk": "the desk's actor",
    "actors.partition.follower.follower": "acts for a replica",
    "actors.partition.follower.replica_fetcher": "the fetcher's actor",
    "actors.partition.leader.deletions": "acts for a leader",
    "actors.partition.leader.leader": "appends to the log",
    "actors.partition.leader.offset_lookup": "reads the log",
    "actors.partition.leader.preparing": "acts for a leader",
    "actors.partition.leader.serving": "reads the log for others",
    "actors.partition.replica.ending": "removes a replica's files",
    "actors.partition.replica.log_owner": "the log of a replica's actor",
    "actors.partition.replica.offline": "probes the disk",
    "actors.partition.replica.opening": "opens logs",
    "actors.partition.replica.replica": "the replica's actor",
    "actors.partition.to_controller.directory_assignments": "the actor that tells of directories",
    "actors.partition.to_controller.isr_changes": "the actor that brings changes to the controller",
    "actors.partition.to_controller.producer_ids": "the actor of producer ids",
    "actors.transactions.marker_sender": "the actor that sends markers",
}

# Pure modules of the other folders.
PURE = {
    "actors.broker": "endpoints error_answers identity registry",
    "actors.clients": "structs versions view",
    "actors.clients.admin": "descriptions",
    "actors.clients.consumer": "columns fetch_sessions fetch_sources isolation subscription",
    "actors.clients.consumer.assignors": (
        "claims cooperative even hash_order movements ranges round_robin sticky strategy uneven wire"
    ),
    "actors.clients.consumer.classic": "membership requests",
    "actors.clients.keywords": "config rules",
    "actors.clients.producer": "idempotence",
    "actors.clients.producer.transactions": "machine reasons requests sequences states steps",
    "actors.network": "addresses channel_messages framing request_memory",
    "actors.node": "authorizer topic_descriptions view",
    "actors.runtime": "backoff limits",
    "actors.simulation": "history ledger requests",
}

# What a pure module reaches neither itself nor through anything that it imports.
FORBIDDEN = ("actors.runtime", "actors.network", "kstore.fs", "pykka", "io", "os", "pathlib", *WORLDLY_MODULES)


def pure_modules() -> list[str]:
    deciding = tuple(f"actors.{folder}" for folder in DECIDING)
    inside = [name for name in modules() if ".".join(name.split(".")[:2]) in deciding and name not in ACTING]
    return sorted(inside + [f"{folder}.{name}" for folder, names in PURE.items() for name in names.split()])


def offences(name: str) -> dict[str, Import]:
    """What a module reaches that a pure one doesn't, and the imports that lead there."""
    pure = pure_modules()
    handed = {each.module: each for source in modules()[name] for each in imports(source) if each.module in ACTING}
    return handed | {
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


def test_what_an_impure_module_reaches_is_found() -> None:
    assert "pykka" in offences("actors.partition.replica.replica")
