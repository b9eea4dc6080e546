"""Consumer groups: their members, the offsets that they commit, and both as records of ``__consumer_offsets``.

``shard.py`` is one partition of ``__consumer_offsets`` as a pure state machine, which the actor of
``actors/coordinator/coordinator.py`` drives. ``classic`` has the classic group protocol, ``offset_requests.py`` the
commits of every kind of group.
"""
