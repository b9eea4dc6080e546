"""What happened around a group that rebalanced, and may be why: faults, topics, and who coordinates it."""

from __future__ import annotations

from actors.image.topic_names import OFFSETS_TOPIC
from actors.runtime.recorder import TraceRow
from actors.trace.leaders import step_of_topic
from actors.trace.printing import Step
from actors.trace.recording import Recording
from actors.trace.root_causes import faults_between, root_of, words_of_fault

TOPICS = ("PartitionsAdded", "TopicCreated", "TopicDeleted")


def takeovers(recording: Recording, last: TraceRow) -> list[Step]:
    """Who took a group over since its last event, and had nothing to change."""
    number = last.actor.rpartition("/")[2].partition("@")[0]
    loads = recording.find("GroupsLoaded", partition=f"{OFFSETS_TOPIC}-{number}", after=last.sequence)
    return [
        Step(row.time_us, row.actor, f"coordinates the group now: {_why_it_leads(recording, row)}", row.sequence)
        for row in loads
        if row.actor != last.actor
    ]


def _why_it_leads(recording: Recording, loaded: TraceRow) -> str:
    elected = recording.last_of("LeaderElected", partition=loaded.partition, before=loaded.sequence)
    return elected.subject if elected is not None else f"it leads {loaded.partition}"


def fault_steps(recording: Recording, after: int, before: int) -> list[Step]:
    """The faults between two rows, which may be why."""
    return [
        Step(row.time_us, "-", words_of_fault(row), row.sequence) for row in faults_between(recording, after, before)
    ]


def topic_step(recording: Recording, row: TraceRow) -> Step:
    """What became of a topic, and who did it."""
    step = step_of_topic(row)
    return step._replace(what=f"{step.what}, caused by {root_of(recording, row.sequence)}")
