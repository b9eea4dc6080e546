"""The living cluster: Pykka actors as brokers, replicas and coordinators."""

import kstore  # noqa: F401 - says what to do when an extension wasn't built
