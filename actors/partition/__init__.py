"""The partitions of a broker: their replicas, which lead or follow, and the fetches that read from them.

Each folder holds one machine:

* ``replica``: one replica and its log: its role, its slow disk work, its end, and what it does when its disk fails;
* ``leader``: a replica while it leads: appends, reads, the in-sync set, the high watermark, DeleteRecords, ListOffsets;
* ``follower``: a replica while it follows, and the replica fetcher that brings records from another broker;
* ``fetch``: the Fetch requests of consumers and of followers: sessions, waiting, and answers;
* ``to_controller``: what a broker asks its controller for: changes of in-sync sets, lost directories, producer ids.

What all of them use is here: the messages that they exchange (``messages.py``), the records of an answer
(``chunks.py``), and the checkpoint files of a log directory (``checkpoints.py``).
"""
