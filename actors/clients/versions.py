"""The versions that the clients speak, by API key: the first and the last.

A request is filled in so that it says the same in any version of its range; the link chooses the latest that the broker
knows as well. The ranges begin where Apache Kafka 3.0 stood or before, unless a line says otherwise.
"""

from __future__ import annotations

CLIENT_VERSIONS: dict[int, tuple[int, int]] = {
    3: (8, 13),  # Metadata, by name
    10: (4, 6),  # FindCoordinator, several keys at once
    18: (3, 4),  # ApiVersions; version 0 is what a broker answers that knows none of these
}
