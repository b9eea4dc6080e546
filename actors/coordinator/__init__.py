"""What every kind of coordinator has in common: an actor for one led partition of an internal topic, over a shard.

``coordinator.py`` is the actor: it loads, appends, keeps timers and deadlines, and resigns. ``shard.py`` says what it
asks of a shard, the state machine that knows what is coordinated; ``effects.py`` what a shard asks of it.
"""
