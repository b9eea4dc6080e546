"""Values of wrong types for what calls about transactions take."""

from __future__ import annotations

from typing import Any

from clients.wrong_values import NAN, NO_LIST, PLACE, Unspeakable, bare, place, text, things, whole

from kstore import AbortTransactionSpec


def producer_ids() -> list[Any]:
    return [*NO_LIST, "12", b"12", *([each] for each in whole(0, 2**63 - 1)()), object(), Unspeakable()]


def states() -> list[Any]:
    return [*NO_LIST, "Ongoing", b"Ongoing", *([each] for each in (*text(), "ongoing", "")), object(), Unspeakable()]


def specs() -> list[Any]:
    shapes: list[Any] = [None, (PLACE, 5, 0, 0), PLACE, "t-0", 5, True, [], {}, NAN, *things()]
    places = [bare(AbortTransactionSpec, each, 5, 0, 0) for each in place()]
    ids = [bare(AbortTransactionSpec, PLACE, each, 0, 0) for each in whole(0, 2**63 - 1)()]
    epochs = [bare(AbortTransactionSpec, PLACE, 5, each, 0) for each in whole(0, 2**15 - 1)()]
    coordinators = [bare(AbortTransactionSpec, PLACE, 5, 0, each) for each in whole(0, 2**31 - 1)()]
    return [*shapes, *places, *ids, *epochs, *coordinators]
