"""DescribeCluster (key 60): the brokers and the controller, without topics.

Version 1 added the type of endpoint: only brokers are served here, as a controller has no listener of its own. Version
2 can ask for fenced brokers too.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.image.image import ClusterImage
from actors.node.authorizer import CLUSTER, NOT_ASKED
from kstore import errors
from kstore.errors import KafkaError
from kstore.schema.messages.describe_cluster import DescribeClusterBroker, DescribeClusterResponse

API_KEY = 60
VERSIONS = (0, 2)

BROKERS, CONTROLLERS = 1, 2


def handle(call: Call) -> DescribeClusterResponse:
    """Answer from the node's own image."""
    request = call.request
    image: ClusterImage = call.view.image
    error = wrong_endpoint(request.endpoint_type)
    if error is not None:
        return DescribeClusterResponse(error_code=error.code, error_message=error.message)
    brokers = [
        image.brokers[number]
        for number in sorted(image.brokers)
        if request.include_fenced_brokers or not image.brokers[number].fenced
    ]
    return DescribeClusterResponse(
        error_message=None,
        cluster_id=image.cluster_id,
        controller_id=image.controller_id,
        brokers=[
            DescribeClusterBroker(
                broker_id=broker.id, host=at.host, port=at.port, rack=broker.rack, is_fenced=broker.fenced
            )
            for broker in brokers
            for at in [broker.endpoint(call.listener)]
        ],
        cluster_authorized_operations=(
            call.operations_allowed(CLUSTER) if request.include_cluster_authorized_operations else NOT_ASKED
        ),
    )


def wrong_endpoint(endpoint_type: int) -> KafkaError | None:
    """Why an endpoint type can't be served, if it can't."""
    if endpoint_type == BROKERS:
        return None
    if endpoint_type == CONTROLLERS:
        return errors.MismatchedEndpointType(
            "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER"
        )
    return errors.UnsupportedEndpointType(f"Unsupported endpoint type {endpoint_type}")
