"""One exception class for each of Apache Kafka's error codes (a table).

Codes, names and categories are those of ``org.apache.kafka.common.protocol.Errors`` in
Kafka 4.4.0; ``tests/codec/test_errors.py`` compares them with ``tests/codec/golden/errors.tsv``, which the Java
program beside it wrote. The sentences are ours.
A class bears the name of its code (``NOT_LEADER_OR_FOLLOWER`` is ``NotLeaderOrFollower``); where Kafka's Java
exception is called otherwise, that name stands at the end as a second one.
"""

from kstore.errors.base import KafkaError
from kstore.errors.categories import (
    ABORTABLE,
    APPLICATION_RECOVERABLE,
    INVALID_CONFIGURATION,
    REFRESH_RETRIABLE,
    RETRIABLE,
)


class UnknownServerError(KafkaError):
    """The server met an error it has no name for."""

    code = -1
    name = "UNKNOWN_SERVER_ERROR"


class OffsetOutOfRange(KafkaError):
    """No replica holds the offset asked for: it lies before the log's start or past its end."""

    code = 1
    name = "OFFSET_OUT_OF_RANGE"


class CorruptMessage(KafkaError):
    """The bytes are not a valid record batch: a checksum, a size or a required key is wrong."""

    code = 2
    name = "CORRUPT_MESSAGE"
    category = RETRIABLE


class UnknownTopicOrPartition(KafkaError):
    """This broker does not know the topic or partition."""

    code = 3
    name = "UNKNOWN_TOPIC_OR_PARTITION"
    category = REFRESH_RETRIABLE


class InvalidFetchSize(KafkaError):
    """The number of bytes asked for in a fetch is not valid."""

    code = 4
    name = "INVALID_FETCH_SIZE"


class LeaderNotAvailable(KafkaError):
    """The partition has no leader at the moment; an election is under way."""

    code = 5
    name = "LEADER_NOT_AVAILABLE"
    category = REFRESH_RETRIABLE


class NotLeaderOrFollower(KafkaError):
    """This broker is not the leader, or not a replica at all, of the partition."""

    code = 6
    name = "NOT_LEADER_OR_FOLLOWER"
    category = REFRESH_RETRIABLE


class RequestTimedOut(KafkaError):
    """The request was not finished within its time."""

    code = 7
    name = "REQUEST_TIMED_OUT"
    category = RETRIABLE


class BrokerNotAvailable(KafkaError):
    """The broker cannot be reached."""

    code = 8
    name = "BROKER_NOT_AVAILABLE"


class ReplicaNotAvailable(KafkaError):
    """The replica asked for is not available here."""

    code = 9
    name = "REPLICA_NOT_AVAILABLE"
    category = REFRESH_RETRIABLE


class MessageTooLarge(KafkaError):
    """A record batch is larger than the topic or the server accepts."""

    code = 10
    name = "MESSAGE_TOO_LARGE"


class StaleControllerEpoch(KafkaError):
    """The controller that sent this has been succeeded by another."""

    code = 11
    name = "STALE_CONTROLLER_EPOCH"


class OffsetMetadataTooLarge(KafkaError):
    """The metadata committed beside an offset is longer than allowed."""

    code = 12
    name = "OFFSET_METADATA_TOO_LARGE"


class NetworkException(KafkaError):
    """The connection broke before an answer came."""

    code = 13
    name = "NETWORK_EXCEPTION"
    category = REFRESH_RETRIABLE


class CoordinatorLoadInProgress(KafkaError):
    """The coordinator is still reading its partition and cannot serve yet."""

    code = 14
    name = "COORDINATOR_LOAD_IN_PROGRESS"
    category = RETRIABLE


class CoordinatorNotAvailable(KafkaError):
    """There is no coordinator to be had at the moment."""

    code = 15
    name = "COORDINATOR_NOT_AVAILABLE"
    category = REFRESH_RETRIABLE


class NotCoordinator(KafkaError):
    """This broker does not coordinate the group or transactional id."""

    code = 16
    name = "NOT_COORDINATOR"
    category = REFRESH_RETRIABLE


class InvalidTopic(KafkaError):
    """The topic name is not a legal one, or the operation is not allowed on that topic."""

    code = 17
    name = "INVALID_TOPIC_EXCEPTION"
    category = INVALID_CONFIGURATION


class RecordListTooLarge(KafkaError):
    """A record batch is larger than a log segment may be."""

    code = 18
    name = "RECORD_LIST_TOO_LARGE"
    category = INVALID_CONFIGURATION


class NotEnoughReplicas(KafkaError):
    """Fewer replicas are in sync than min.insync.replicas asks for; nothing was written."""

    code = 19
    name = "NOT_ENOUGH_REPLICAS"
    category = RETRIABLE


class NotEnoughReplicasAfterAppend(KafkaError):
    """The records are in the log, but fewer replicas hold them than min.insync.replicas asks for."""

    code = 20
    name = "NOT_ENOUGH_REPLICAS_AFTER_APPEND"
    category = RETRIABLE


class InvalidRequiredAcks(KafkaError):
    """The acks of a produce request must be -1, 0 or 1."""

    code = 21
    name = "INVALID_REQUIRED_ACKS"
    category = INVALID_CONFIGURATION


class IllegalGeneration(KafkaError):
    """The generation named is not the group's current one."""

    code = 22
    name = "ILLEGAL_GENERATION"
    category = APPLICATION_RECOVERABLE


class InconsistentGroupProtocol(KafkaError):
    """The member's protocols have nothing in common with those of the group, or it named none."""

    code = 23
    name = "INCONSISTENT_GROUP_PROTOCOL"


class InvalidGroupId(KafkaError):
    """The group id is not valid."""

    code = 24
    name = "INVALID_GROUP_ID"


class UnknownMemberId(KafkaError):
    """The group has no such member."""

    code = 25
    name = "UNKNOWN_MEMBER_ID"
    category = APPLICATION_RECOVERABLE


class InvalidSessionTimeout(KafkaError):
    """The session timeout lies outside the bounds the broker sets."""

    code = 26
    name = "INVALID_SESSION_TIMEOUT"


class RebalanceInProgress(KafkaError):
    """The group is rebalancing; the member has to join again."""

    code = 27
    name = "REBALANCE_IN_PROGRESS"


class InvalidCommitOffsetSize(KafkaError):
    """The offsets to be committed take more bytes than one batch may hold."""

    code = 28
    name = "INVALID_COMMIT_OFFSET_SIZE"


class TopicAuthorizationFailed(KafkaError):
    """Not allowed to do this with the topic."""

    code = 29
    name = "TOPIC_AUTHORIZATION_FAILED"
    category = INVALID_CONFIGURATION


class GroupAuthorizationFailed(KafkaError):
    """Not allowed to do this with the group."""

    code = 30
    name = "GROUP_AUTHORIZATION_FAILED"
    category = INVALID_CONFIGURATION


class ClusterAuthorizationFailed(KafkaError):
    """Not allowed to do this with the cluster."""

    code = 31
    name = "CLUSTER_AUTHORIZATION_FAILED"
    category = INVALID_CONFIGURATION


class InvalidTimestamp(KafkaError):
    """A record's timestamp lies outside the range the topic accepts."""

    code = 32
    name = "INVALID_TIMESTAMP"


class UnsupportedSaslMechanism(KafkaError):
    """The server does not offer this SASL mechanism."""

    code = 33
    name = "UNSUPPORTED_SASL_MECHANISM"
    category = INVALID_CONFIGURATION


class IllegalSaslState(KafkaError):
    """This request does not fit the current state of the SASL exchange."""

    code = 34
    name = "ILLEGAL_SASL_STATE"
    category = INVALID_CONFIGURATION


class UnsupportedVersion(KafkaError):
    """The server does not speak this version of the API."""

    code = 35
    name = "UNSUPPORTED_VERSION"
    category = INVALID_CONFIGURATION


class TopicAlreadyExists(KafkaError):
    """A topic of this name exists."""

    code = 36
    name = "TOPIC_ALREADY_EXISTS"


class InvalidPartitions(KafkaError):
    """The partition count is not valid."""

    code = 37
    name = "INVALID_PARTITIONS"


class InvalidReplicationFactor(KafkaError):
    """The replication factor is below 1 or above the number of brokers that can take a replica."""

    code = 38
    name = "INVALID_REPLICATION_FACTOR"
    category = INVALID_CONFIGURATION


class InvalidReplicaAssignment(KafkaError):
    """The assignment of replicas to brokers is not valid."""

    code = 39
    name = "INVALID_REPLICA_ASSIGNMENT"


class InvalidConfig(KafkaError):
    """A config key or value is not valid."""

    code = 40
    name = "INVALID_CONFIG"
    category = INVALID_CONFIGURATION


class NotController(KafkaError):
    """This node is not the controller."""

    code = 41
    name = "NOT_CONTROLLER"
    category = RETRIABLE


class InvalidRequest(KafkaError):
    """The request breaks the protocol's rules or cannot be read."""

    code = 42
    name = "INVALID_REQUEST"


class UnsupportedForMessageFormat(KafkaError):
    """The record format in use cannot express what was asked for."""

    code = 43
    name = "UNSUPPORTED_FOR_MESSAGE_FORMAT"
    category = INVALID_CONFIGURATION


class PolicyViolation(KafkaError):
    """A policy of the cluster refuses this."""

    code = 44
    name = "POLICY_VIOLATION"


class OutOfOrderSequenceNumber(KafkaError):
    """The producer's sequence number does not follow the last one in the log."""

    code = 45
    name = "OUT_OF_ORDER_SEQUENCE_NUMBER"


class DuplicateSequenceNumber(KafkaError):
    """The producer's sequence number was used before."""

    code = 46
    name = "DUPLICATE_SEQUENCE_NUMBER"


class InvalidProducerEpoch(KafkaError):
    """The producer writes with an epoch older than the one in the log."""

    code = 47
    name = "INVALID_PRODUCER_EPOCH"
    category = APPLICATION_RECOVERABLE


class InvalidTxnState(KafkaError):
    """The transaction is not in a state that allows this."""

    code = 48
    name = "INVALID_TXN_STATE"


class InvalidProducerIdMapping(KafkaError):
    """The producer id does not belong to this transactional id."""

    code = 49
    name = "INVALID_PRODUCER_ID_MAPPING"
    category = APPLICATION_RECOVERABLE


class InvalidTransactionTimeout(KafkaError):
    """The transaction timeout is longer than the broker allows."""

    code = 50
    name = "INVALID_TRANSACTION_TIMEOUT"


class ConcurrentTransactions(KafkaError):
    """Another operation on this transaction is still running."""

    code = 51
    name = "CONCURRENT_TRANSACTIONS"
    category = RETRIABLE


class TransactionCoordinatorFenced(KafkaError):
    """The transaction coordinator that sent a marker has been succeeded by another."""

    code = 52
    name = "TRANSACTION_COORDINATOR_FENCED"


class TransactionalIdAuthorizationFailed(KafkaError):
    """Not allowed to use this transactional id."""

    code = 53
    name = "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"
    category = INVALID_CONFIGURATION


class SecurityDisabled(KafkaError):
    """Security is not switched on here."""

    code = 54
    name = "SECURITY_DISABLED"


class OperationNotAttempted(KafkaError):
    """The server left this part of the request alone because another part failed."""

    code = 55
    name = "OPERATION_NOT_ATTEMPTED"


class KafkaStorageError(KafkaError):
    """The disk failed under the log."""

    code = 56
    name = "KAFKA_STORAGE_ERROR"
    category = REFRESH_RETRIABLE


class LogDirNotFound(KafkaError):
    """No such log directory is configured on the broker."""

    code = 57
    name = "LOG_DIR_NOT_FOUND"


class SaslAuthenticationFailed(KafkaError):
    """The credentials were refused."""

    code = 58
    name = "SASL_AUTHENTICATION_FAILED"
    category = INVALID_CONFIGURATION


class UnknownProducerId(KafkaError):
    """The broker holds no state for this producer id; its last records may be gone."""

    code = 59
    name = "UNKNOWN_PRODUCER_ID"


class ReassignmentInProgress(KafkaError):
    """The partition is already being reassigned."""

    code = 60
    name = "REASSIGNMENT_IN_PROGRESS"


class DelegationTokenAuthDisabled(KafkaError):
    """Delegation tokens are not switched on."""

    code = 61
    name = "DELEGATION_TOKEN_AUTH_DISABLED"


class DelegationTokenNotFound(KafkaError):
    """There is no such delegation token."""

    code = 62
    name = "DELEGATION_TOKEN_NOT_FOUND"


class DelegationTokenOwnerMismatch(KafkaError):
    """The principal does not own this delegation token."""

    code = 63
    name = "DELEGATION_TOKEN_OWNER_MISMATCH"


class DelegationTokenRequestNotAllowed(KafkaError):
    """Delegation tokens cannot be asked for over this kind of connection."""

    code = 64
    name = "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED"


class DelegationTokenAuthorizationFailed(KafkaError):
    """Not allowed to do this with delegation tokens."""

    code = 65
    name = "DELEGATION_TOKEN_AUTHORIZATION_FAILED"
    category = INVALID_CONFIGURATION


class DelegationTokenExpired(KafkaError):
    """The delegation token is past its time."""

    code = 66
    name = "DELEGATION_TOKEN_EXPIRED"


class InvalidPrincipalType(KafkaError):
    """The server does not know this type of principal."""

    code = 67
    name = "INVALID_PRINCIPAL_TYPE"


class NonEmptyGroup(KafkaError):
    """The group still has members."""

    code = 68
    name = "NON_EMPTY_GROUP"


class GroupIdNotFound(KafkaError):
    """There is no such group."""

    code = 69
    name = "GROUP_ID_NOT_FOUND"


class FetchSessionIdNotFound(KafkaError):
    """The broker holds no fetch session of this id."""

    code = 70
    name = "FETCH_SESSION_ID_NOT_FOUND"
    category = RETRIABLE


class InvalidFetchSessionEpoch(KafkaError):
    """The epoch of the fetch session is not the one expected."""

    code = 71
    name = "INVALID_FETCH_SESSION_EPOCH"
    category = RETRIABLE


class ListenerNotFound(KafkaError):
    """The leader has no listener of the name this request came in by."""

    code = 72
    name = "LISTENER_NOT_FOUND"
    category = REFRESH_RETRIABLE


class TopicDeletionDisabled(KafkaError):
    """Topics may not be deleted on this cluster."""

    code = 73
    name = "TOPIC_DELETION_DISABLED"


class FencedLeaderEpoch(KafkaError):
    """The leader epoch in the request is older than the broker's."""

    code = 74
    name = "FENCED_LEADER_EPOCH"
    category = REFRESH_RETRIABLE


class UnknownLeaderEpoch(KafkaError):
    """The leader epoch in the request is newer than the broker's."""

    code = 75
    name = "UNKNOWN_LEADER_EPOCH"
    category = RETRIABLE


class UnsupportedCompressionType(KafkaError):
    """The client cannot read the compression this partition uses."""

    code = 76
    name = "UNSUPPORTED_COMPRESSION_TYPE"


class StaleBrokerEpoch(KafkaError):
    """The broker epoch is not the one the controller handed out last."""

    code = 77
    name = "STALE_BROKER_EPOCH"


class OffsetNotAvailable(KafkaError):
    """A new leader does not know its high watermark yet, so offsets may still move."""

    code = 78
    name = "OFFSET_NOT_AVAILABLE"
    category = RETRIABLE


class MemberIdRequired(KafkaError):
    """The member has to join again with the id it was just given."""

    code = 79
    name = "MEMBER_ID_REQUIRED"


class PreferredLeaderNotAvailable(KafkaError):
    """The preferred leader cannot lead at the moment."""

    code = 80
    name = "PREFERRED_LEADER_NOT_AVAILABLE"
    category = REFRESH_RETRIABLE


class GroupMaxSizeReached(KafkaError):
    """The group has as many members as it may have."""

    code = 81
    name = "GROUP_MAX_SIZE_REACHED"


class FencedInstanceId(KafkaError):
    """Another member has taken over this group.instance.id."""

    code = 82
    name = "FENCED_INSTANCE_ID"
    category = APPLICATION_RECOVERABLE


class EligibleLeadersNotAvailable(KafkaError):
    """None of the replicas that may lead can do so at the moment."""

    code = 83
    name = "ELIGIBLE_LEADERS_NOT_AVAILABLE"
    category = REFRESH_RETRIABLE


class ElectionNotNeeded(KafkaError):
    """The partition has the leader it should have."""

    code = 84
    name = "ELECTION_NOT_NEEDED"
    category = REFRESH_RETRIABLE


class NoReassignmentInProgress(KafkaError):
    """The partition is not being reassigned."""

    code = 85
    name = "NO_REASSIGNMENT_IN_PROGRESS"


class GroupSubscribedToTopic(KafkaError):
    """The group still reads this topic, so its offsets stay."""

    code = 86
    name = "GROUP_SUBSCRIBED_TO_TOPIC"


class InvalidRecord(KafkaError):
    """A record batch or one of its records breaks a rule the broker holds to."""

    code = 87
    name = "INVALID_RECORD"
    category = INVALID_CONFIGURATION


class UnstableOffsetCommit(KafkaError):
    """Some offsets belong to a transaction that has not ended."""

    code = 88
    name = "UNSTABLE_OFFSET_COMMIT"
    category = RETRIABLE


class ThrottlingQuotaExceeded(KafkaError):
    """A quota is used up."""

    code = 89
    name = "THROTTLING_QUOTA_EXCEEDED"
    category = RETRIABLE


class ProducerFenced(KafkaError):
    """A newer producer uses this transactional id."""

    code = 90
    name = "PRODUCER_FENCED"
    category = APPLICATION_RECOVERABLE


class ResourceNotFound(KafkaError):
    """The request names something that does not exist."""

    code = 91
    name = "RESOURCE_NOT_FOUND"


class DuplicateResource(KafkaError):
    """The request names the same thing twice."""

    code = 92
    name = "DUPLICATE_RESOURCE"


class UnacceptableCredential(KafkaError):
    """The credential does not meet what the server asks of one."""

    code = 93
    name = "UNACCEPTABLE_CREDENTIAL"


class InconsistentVoterSet(KafkaError):
    """Sender and receiver do not agree on who votes."""

    code = 94
    name = "INCONSISTENT_VOTER_SET"


class InvalidUpdateVersion(KafkaError):
    """The feature level asked for cannot be moved to."""

    code = 95
    name = "INVALID_UPDATE_VERSION"


class FeatureUpdateFailed(KafkaError):
    """The feature levels could not be changed."""

    code = 96
    name = "FEATURE_UPDATE_FAILED"


class PrincipalDeserializationFailure(KafkaError):
    """The principal in a forwarded request could not be read."""

    code = 97
    name = "PRINCIPAL_DESERIALIZATION_FAILURE"


class SnapshotNotFound(KafkaError):
    """There is no such snapshot."""

    code = 98
    name = "SNAPSHOT_NOT_FOUND"


class PositionOutOfRange(KafkaError):
    """The position lies outside the snapshot."""

    code = 99
    name = "POSITION_OUT_OF_RANGE"


class UnknownTopicId(KafkaError):
    """This broker does not know the topic id."""

    code = 100
    name = "UNKNOWN_TOPIC_ID"
    category = REFRESH_RETRIABLE


class DuplicateBrokerRegistration(KafkaError):
    """A live broker holds this broker id."""

    code = 101
    name = "DUPLICATE_BROKER_REGISTRATION"


class BrokerIdNotRegistered(KafkaError):
    """No broker is registered under this id."""

    code = 102
    name = "BROKER_ID_NOT_REGISTERED"


class InconsistentTopicId(KafkaError):
    """The topic id does not belong to the topic of this log."""

    code = 103
    name = "INCONSISTENT_TOPIC_ID"
    category = REFRESH_RETRIABLE


class InconsistentClusterId(KafkaError):
    """The request is meant for another cluster."""

    code = 104
    name = "INCONSISTENT_CLUSTER_ID"


class TransactionalIdNotFound(KafkaError):
    """There is no such transactional id."""

    code = 105
    name = "TRANSACTIONAL_ID_NOT_FOUND"


class FetchSessionTopicIdError(KafkaError):
    """The fetch session and the request do not agree on using topic ids."""

    code = 106
    name = "FETCH_SESSION_TOPIC_ID_ERROR"
    category = RETRIABLE


class IneligibleReplica(KafkaError):
    """A replica that may not be in sync was proposed for the in-sync set."""

    code = 107
    name = "INELIGIBLE_REPLICA"


class NewLeaderElected(KafkaError):
    """The partition's state was changed, and its leader with it."""

    code = 108
    name = "NEW_LEADER_ELECTED"


class OffsetMovedToTieredStorage(KafkaError):
    """The offset now lies in tiered storage."""

    code = 109
    name = "OFFSET_MOVED_TO_TIERED_STORAGE"


class FencedMemberEpoch(KafkaError):
    """The coordinator fenced the member's epoch; it has to drop its partitions and join again."""

    code = 110
    name = "FENCED_MEMBER_EPOCH"


class UnreleasedInstanceId(KafkaError):
    """The instance id is still held by a member that has not left."""

    code = 111
    name = "UNRELEASED_INSTANCE_ID"


class UnsupportedAssignor(KafkaError):
    """The group does not know the assignor asked for."""

    code = 112
    name = "UNSUPPORTED_ASSIGNOR"


class StaleMemberEpoch(KafkaError):
    """The member's epoch is behind; its next heartbeat brings it up to date."""

    code = 113
    name = "STALE_MEMBER_EPOCH"


class MismatchedEndpointType(KafkaError):
    """The request belongs to the other kind of endpoint, broker or controller."""

    code = 114
    name = "MISMATCHED_ENDPOINT_TYPE"


class UnsupportedEndpointType(KafkaError):
    """This kind of endpoint is not supported."""

    code = 115
    name = "UNSUPPORTED_ENDPOINT_TYPE"


class UnknownControllerId(KafkaError):
    """The controller id is not known."""

    code = 116
    name = "UNKNOWN_CONTROLLER_ID"


class UnknownSubscriptionId(KafkaError):
    """The telemetry subscription named is not valid any more."""

    code = 117
    name = "UNKNOWN_SUBSCRIPTION_ID"


class TelemetryTooLarge(KafkaError):
    """The telemetry pushed is larger than the broker accepts."""

    code = 118
    name = "TELEMETRY_TOO_LARGE"


class InvalidRegistration(KafkaError):
    """The controller refuses the broker's registration."""

    code = 119
    name = "INVALID_REGISTRATION"


class TransactionAbortable(KafkaError):
    """The transaction can only be aborted; the transactional id stays usable."""

    code = 120
    name = "TRANSACTION_ABORTABLE"
    category = ABORTABLE


class InvalidRecordState(KafkaError):
    """The record is not in a state in which it can be acknowledged so."""

    code = 121
    name = "INVALID_RECORD_STATE"


class ShareSessionNotFound(KafkaError):
    """There is no such share session."""

    code = 122
    name = "SHARE_SESSION_NOT_FOUND"
    category = RETRIABLE


class InvalidShareSessionEpoch(KafkaError):
    """The epoch of the share session is not the one expected."""

    code = 123
    name = "INVALID_SHARE_SESSION_EPOCH"
    category = RETRIABLE


class FencedStateEpoch(KafkaError):
    """The share group's state epoch is behind the share coordinator's."""

    code = 124
    name = "FENCED_STATE_EPOCH"


class InvalidVoterKey(KafkaError):
    """The voter's key is not this replica's."""

    code = 125
    name = "INVALID_VOTER_KEY"


class DuplicateVoter(KafkaError):
    """The replica votes already."""

    code = 126
    name = "DUPLICATE_VOTER"


class VoterNotFound(KafkaError):
    """The replica is not a voter."""

    code = 127
    name = "VOTER_NOT_FOUND"


class InvalidRegularExpression(KafkaError):
    """The regular expression cannot be read."""

    code = 128
    name = "INVALID_REGULAR_EXPRESSION"


class RebootstrapRequired(KafkaError):
    """The client's metadata is too old to go on with; it has to bootstrap again."""

    code = 129
    name = "REBOOTSTRAP_REQUIRED"


class StreamsInvalidTopology(KafkaError):
    """The topology of the streams group is not valid."""

    code = 130
    name = "STREAMS_INVALID_TOPOLOGY"


class StreamsInvalidTopologyEpoch(KafkaError):
    """The topology epoch of the streams group is not valid."""

    code = 131
    name = "STREAMS_INVALID_TOPOLOGY_EPOCH"


class StreamsTopologyFenced(KafkaError):
    """The topology epoch of the streams group is behind."""

    code = 132
    name = "STREAMS_TOPOLOGY_FENCED"


class ShareSessionLimitReached(KafkaError):
    """The broker has as many share sessions as it may have."""

    code = 133
    name = "SHARE_SESSION_LIMIT_REACHED"
    category = RETRIABLE


class GroupDeletionFailed(KafkaError):
    """The group could not be deleted; the message says why."""

    code = 134
    name = "GROUP_DELETION_FAILED"


class StreamsTopologyDescriptionUpdateFailed(KafkaError):
    """The description of the streams group's topology could not be stored."""

    code = 135
    name = "STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED"


class ControllerIdNotRegistered(KafkaError):
    """No controller is registered under this id."""

    code = 136
    name = "CONTROLLER_ID_NOT_REGISTERED"


CorruptRecord = CorruptMessage
Timeout = RequestTimedOut
RecordTooLarge = MessageTooLarge
ControllerMoved = StaleControllerEpoch
RecordBatchTooLarge = RecordListTooLarge
TopicAuthorization = TopicAuthorizationFailed
GroupAuthorization = GroupAuthorizationFailed
ClusterAuthorization = ClusterAuthorizationFailed
TopicExists = TopicAlreadyExists
InvalidConfiguration = InvalidConfig
OutOfOrderSequence = OutOfOrderSequenceNumber
DuplicateSequence = DuplicateSequenceNumber
InvalidPidMapping = InvalidProducerIdMapping
InvalidTxnTimeout = InvalidTransactionTimeout
TransactionalIdAuthorization = TransactionalIdAuthorizationFailed
KafkaStorage = KafkaStorageError
SaslAuthentication = SaslAuthenticationFailed
DelegationTokenDisabled = DelegationTokenAuthDisabled
UnsupportedByAuthentication = DelegationTokenRequestNotAllowed
DelegationTokenAuthorization = DelegationTokenAuthorizationFailed
GroupNotEmpty = NonEmptyGroup
PrincipalDeserialization = PrincipalDeserializationFailure
FetchSessionTopicId = FetchSessionTopicIdError
