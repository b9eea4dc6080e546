"""The properties of a Kafka API apart from its messages' fields: key, name, versions."""

from kstore.named import NamedTuple

BROKER = ("broker",)
CONTROLLER = ("controller",)
BOTH = ("broker", "controller")


class Api(NamedTuple):
    """One API: ``first`` and ``last`` are the versions that its definition has.

    ``flexible_from`` is 32767 when no version is flexible; ``listeners`` are those where Kafka serves it:
    ``broker``, ``controller`` or both.
    """

    key: int
    name: str
    module: str
    first: int
    last: int
    flexible_from: int
    latest_unstable: bool
    listeners: tuple[str, ...]
