"""UpdateFeatures (key 57): set the levels of features that the whole cluster agrees on.

The controller decides, whichever node is asked: all updates are made, or none. In versions 0 and 1 the response lists
each update that was made, with NONE as its error; later versions leave that out. Version 1 added types of updates and
``validate_only``; version 0's flag for downgrades has no effect, as in Apache Kafka.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.forwarding import failed, to_controller
from actors.node.authorizer import ALTER, CLUSTER
from actors.runtime import Coroutine
from kstore.errors import ClusterAuthorizationFailed
from kstore.schema.messages.update_features import UpdateFeaturesResponse

API_KEY = 57
VERSIONS = (0, 2)


def handle(call: Call) -> Coroutine:
    """Pass the request to the controller."""
    if call.authorize(ALTER, CLUSTER):
        outcome = yield from to_controller(call, call.request)
    else:
        outcome = ClusterAuthorizationFailed("Request UPDATE_FEATURES needs ALTER permission.")
    error = failed(outcome)
    return outcome if error is None else UpdateFeaturesResponse(error_code=error.code, error_message=error.message)
