"""Checks for what Apache Kafka's folders may hold that kstore can't serve yet, before anything in them is changed.

Ignoring it would lose something silently: records of an old format, partitions in another folder or in remote storage,
votes of other controllers, access rules. So the start is refused, with a message that names the file and the fix. After
the fix, nothing is left that would prevent a start.

* ``quorum``: the metadata log has other voters, or begins after a snapshot.
* ``features``: levels that the cluster has agreed on.
* ``leftovers``: access rules, quotas, credentials and tokens in force.
* ``formats``: messages from before Kafka 0.11.
* ``directories``: partitions whose log is elsewhere.
"""

from actors.broker.unsupported.directories import check_directories, check_remote
from actors.broker.unsupported.features import check_features
from actors.broker.unsupported.formats import check_formats
from actors.broker.unsupported.leftovers import Leftovers
from actors.broker.unsupported.quorum import check_quorum

__all__ = ["Leftovers", "check_directories", "check_features", "check_formats", "check_quorum", "check_remote"]
