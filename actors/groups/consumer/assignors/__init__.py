"""The assignors that run in the coordinator, by the names that ``group.consumer.assignors`` and clients use."""

from collections.abc import Mapping

from actors.groups.consumer.assignors.assignor import Assignor
from actors.groups.consumer.assignors.range import assign_range
from actors.groups.consumer.assignors.uniform import assign_uniformly

ASSIGNORS: Mapping[str, Assignor] = {"uniform": assign_uniformly, "range": assign_range}
