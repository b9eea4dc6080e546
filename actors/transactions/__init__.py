"""The shard of ``__transaction_state``: transactional ids, their producers' epochs, and the transactions under way.

``shard.py`` takes requests, timers and the outcomes of appends; ``states.py`` is the table of states and
``transitions.py`` what each of them does to the metadata of one transactional id. ``marker_sender.py`` is the one
actor: it brings the decisions to the leaders of the partitions.
"""
