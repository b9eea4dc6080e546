"""The common part of all coordinators: an actor for one led partition of an internal topic, over a shard.

``coordinator.py`` is the actor: it loads, appends, keeps timers and deadlines, and resigns. ``shard.py`` is the
interface of a shard, the state machine with the coordinated state; ``effects.py`` has what a shard asks the actor to
do.
"""
