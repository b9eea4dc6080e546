"""WriteTxnMarkers from a client that isn't a coordinator: what makes no marker is refused, and nothing is written."""

from __future__ import annotations

import pytest
from broker.seeded_broker import ask, broker_with
from broker.test_connection import Peer

from actors.cluster.inspection import offsets_in
from kstore.errors import UnknownServerError
from kstore.schema.messages.write_txn_markers import (
    WritableTxnMarker,
    WritableTxnMarkerTopic,
    WriteTxnMarkersRequest,
)


def marker(producer_id: int, epoch: int, topic: str) -> WritableTxnMarker:
    topics = [WritableTxnMarkerTopic(name=topic, partition_indexes=[0])]
    return WritableTxnMarker(producer_id=producer_id, producer_epoch=epoch, topics=topics, coordinator_epoch=0)


@pytest.mark.parametrize(("producer_id", "epoch"), [(-1, -1), (-1, 0), (7, -1), (-2, 0)])
def test_a_marker_of_no_producer_is_refused_with_all_that_are_asked_for_beside_it(producer_id: int, epoch: int) -> None:
    with broker_with("t", "u") as cluster:
        request = WriteTxnMarkersRequest(markers=[marker(7, 0, "t"), marker(producer_id, epoch, "u")])
        answer = ask(Peer(cluster, 1), request, 2)
        codes = {
            topic.name: part.error_code for each in answer.markers for topic in each.topics for part in topic.partitions
        }
        assert codes == dict.fromkeys("tu", UnknownServerError.code)
        assert [offsets_in(cluster, name, 0) for name in "tu"] == [0, 0]
