"""ApiVersions (key 18): which API keys the broker answers in which versions, and the features of the cluster.

The list is the registry's, without the keys that only other nodes may use. Produce is advertised from version 0, though
it is answered from 3 on: older librdkafka would not compress otherwise.

A client that asks in an unknown, newer version gets a response in version 0, with UNSUPPORTED_VERSION and the supported
versions of ApiVersions (KIP-511). Features came in version 3; before 4, a feature whose lowest level is 0 isn't listed
(KIP-1022). From 5 on a client may name the node and cluster that it intends to reach; another node answers
REBOOTSTRAP_REQUIRED, so that a wrong connection is noticed before anything is done on it (KIP-1242). The response's
header has version 0 in every version.
"""

from __future__ import annotations

import re

from actors.broker.call import Call
from actors.broker.registry import CLIENT_APIS, Served
from actors.image.features import SUPPORTED
from actors.image.image import ClusterImage
from kstore import errors
from kstore.schema.messages.api_versions import (
    ApiVersion,
    ApiVersionsRequest,
    ApiVersionsResponse,
    FinalizedFeatureKey,
    SupportedFeatureKey,
)

API_KEY = 18
VERSIONS = (0, 5)
NO_NODE = -1

SOFTWARE = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?")


def handle(call: Call) -> ApiVersionsResponse:
    """Answer from the registry and the node's own image."""
    if call.request is None:
        own = [advertised(CLIENT_APIS[API_KEY])]
        return ApiVersionsResponse(error_code=errors.UnsupportedVersion.code, api_keys=own)
    request: ApiVersionsRequest = call.request
    image: ClusterImage = call.view.image
    if (error := why_refused(request, call.version, image.cluster_id, call.node.node_id)) is not None:
        return ApiVersionsResponse(error_code=error.code)
    return ApiVersionsResponse(
        api_keys=[advertised(CLIENT_APIS[key]) for key in sorted(CLIENT_APIS)],
        supported_features=[
            SupportedFeatureKey(name=name, min_version=levels.lowest, max_version=levels.highest)
            for name, levels in SUPPORTED.items()
            if call.version >= 4 or levels.lowest > 0
        ],
        finalized_features_epoch=image.offset,
        finalized_features=[
            FinalizedFeatureKey(name=name, max_version_level=level, min_version_level=level)
            for name, level in image.features.items()
        ],
    )


def why_refused(
    request: ApiVersionsRequest, version: int, cluster_id: str, node_id: int
) -> type[errors.KafkaError] | None:
    """The error in a client's name and version, or in the node that it intends to reach; the ids are this node's."""
    means_a_node = request.node_id != NO_NODE
    if (request.cluster_id is not None) != means_a_node:
        return errors.InvalidRequest  # a client that knows one id knows the other
    software = (request.client_software_name, request.client_software_version)
    if version >= 3 and not all(SOFTWARE.fullmatch(text) for text in software):
        return errors.InvalidRequest
    if means_a_node and (request.cluster_id, request.node_id) != (cluster_id, node_id):
        return errors.RebootstrapRequired
    return None


def advertised(served: Served) -> ApiVersion:
    return ApiVersion(api_key=served.key, min_version=served.advertised_first, max_version=served.last)
