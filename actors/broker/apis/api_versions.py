"""ApiVersions (key 18): which API keys the broker answers in which versions, and the features of the cluster.

The list is that of the registry: a key whose handler isn't there isn't named, nor one for other nodes only. Produce is
advertised from version 0, though it is answered from 3 on: older librdkafka would compress nothing otherwise.

A client that asks in a version from the future is answered in version 0 with UNSUPPORTED_VERSION and what it may ask
ApiVersions in (KIP-511). Features came in version 3; before 4 one whose lowest level is 0 isn't named (KIP-1022). The
response's header is version 0 in every version.
"""

from __future__ import annotations

import re

from actors.broker.call import Call
from actors.broker.registry import CLIENT_APIS, Served
from actors.controller.features import SUPPORTED
from actors.controller.image import ClusterImage
from kstore import errors
from kstore.schema.messages.api_versions import (
    ApiVersion,
    ApiVersionsResponse,
    FinalizedFeatureKey,
    SupportedFeatureKey,
)

API_KEY = 18
VERSIONS = (0, 4)

SOFTWARE = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?")


def handle(call: Call) -> ApiVersionsResponse:
    """Answers from the registry and the node's own image."""
    if call.request is None:
        own = [advertised(CLIENT_APIS[API_KEY])]
        return ApiVersionsResponse(error_code=errors.UnsupportedVersion.code, api_keys=own)
    if call.version >= 3:
        software = (call.request.client_software_name, call.request.client_software_version)
        if not all(SOFTWARE.fullmatch(text) for text in software):
            return ApiVersionsResponse(error_code=errors.InvalidRequest.code)
    image: ClusterImage = call.view.image
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


def advertised(served: Served) -> ApiVersion:
    return ApiVersion(api_key=served.key, min_version=served.advertised_first, max_version=served.last)
