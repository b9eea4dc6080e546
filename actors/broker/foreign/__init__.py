"""What Apache Kafka's folders may hold that kstore can't serve yet: found before anything in them is changed.

To pass over it would lose something without a word: records of an old format, partitions that lie in another folder or
in remote storage, votes of other controllers, access rules. So the start is refused, by a line that names the file and
the way out; once the way out was taken, nothing of it is left that would hinder.

* ``quorum``: the metadata log is that of other voters, or begins behind a snapshot.
* ``features``: levels that the cluster has agreed on.
* ``leftovers``: access rules, quotas, credentials and tokens that are in force.
* ``formats``: messages from before Kafka 0.11.
* ``directories``: partitions whose log lies elsewhere.
"""

from actors.broker.foreign.directories import check_directories
from actors.broker.foreign.features import check_features
from actors.broker.foreign.formats import check_formats
from actors.broker.foreign.leftovers import Leftovers
from actors.broker.foreign.quorum import check_quorum

__all__ = ["Leftovers", "check_directories", "check_features", "check_formats", "check_quorum"]
