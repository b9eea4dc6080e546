"""Kafka's messages: their classes, and the codec between them and bytes.

* ``kstore.schema.messages.<api>``: the classes, generated from Apache Kafka's definitions, one module an API;
* ``encode``, ``encode_parts``, ``decode``, ``decode_from``: a message and a version to bytes, and back;
* ``frames``: what stands around a message on a connection, and classes by API key;
* ``versions``: every API and its versions; ``uuids``: Kafka's ids; ``envelopes``: messages as records of logs.

>>> from kstore.schema import decode, encode
>>> from kstore.schema.messages.find_coordinator import FindCoordinatorRequest
>>> asked = FindCoordinatorRequest(coordinator_keys=["order-processors"])
>>> decode(FindCoordinatorRequest, 4, encode(asked, 4)) == asked
True
"""

from kstore.schema.errors import SchemaError
from kstore.schema.reader import decode, decode_from
from kstore.schema.writer import encode, encode_parts

__all__ = ["SchemaError", "decode", "decode_from", "encode", "encode_parts"]
