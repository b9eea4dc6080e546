"""Checks for records of Apache Kafka's metadata log that kstore doesn't support and can't ignore while in force.

Without its access rules and credentials a cluster would be open to everyone. What was removed again doesn't matter, so
the log is replayed here to see what is left at its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from actors.node.folder import FolderError
from kstore.schema.messages.metadata_records import (
    AccessControlEntryRecord,
    ClientQuotaRecord,
    DelegationTokenRecord,
    RemoveAccessControlEntryRecord,
    RemoveDelegationTokenRecord,
    RemoveUserScramCredentialRecord,
    UserScramCredentialRecord,
)

TOOLS = "bin/"
SHOWN_MAX = 3
MECHANISMS = {1: "SCRAM-SHA-256", 2: "SCRAM-SHA-512"}

Leftover = tuple[str, str]
ACCESS_RULES: Leftover = ("access rules (ACLs)", "kafka-acls.sh --remove")
QUOTAS: Leftover = ("quotas", "kafka-configs.sh --alter --delete-config")
CREDENTIALS: Leftover = ("SCRAM credentials", "kafka-configs.sh --alter --delete-config")
TOKENS: Leftover = ("delegation tokens", "kafka-delegation-tokens.sh --expire --expiry-time-period -1")


class Leftovers:
    """What is in force after the replayed records, by kind and key."""

    def __init__(self) -> None:
        self.found: dict[tuple[Leftover, Any], str] = {}

    def note(self, records: Iterable[object]) -> None:
        """Take in records of the metadata log, in their order."""
        for record in records:
            rule = RULES.get(type(record))
            if rule is not None:
                rule(self, record)

    def add_access(self, record: AccessControlEntryRecord) -> None:
        """Note a rule of an ACL."""
        self.found[ACCESS_RULES, record.id] = f"{record.principal} on {record.resource_name}"

    def remove_access(self, record: RemoveAccessControlEntryRecord) -> None:
        """Forget a rule of an ACL that was removed later."""
        self.found.pop((ACCESS_RULES, record.id), None)

    def change_quota(self, record: ClientQuotaRecord) -> None:
        """Note a quota, or forget it where it was removed."""
        entity = tuple((part.entity_type, part.entity_name) for part in record.entity)
        key = QUOTAS, (entity, record.key)
        if record.remove:
            self.found.pop(key, None)
        else:
            named = ", ".join(f"{kind} {name or 'by default'}" for kind, name in entity)
            self.found[key] = f"{record.key} of {named}"

    def add_credential(self, record: UserScramCredentialRecord) -> None:
        """Note a user's SCRAM credential."""
        mechanism = MECHANISMS.get(record.mechanism, str(record.mechanism))
        self.found[CREDENTIALS, (record.name, record.mechanism)] = f"{mechanism} of user {record.name}"

    def remove_credential(self, record: RemoveUserScramCredentialRecord) -> None:
        """Forget a credential that was removed later."""
        self.found.pop((CREDENTIALS, (record.name, record.mechanism)), None)

    def add_token(self, record: DelegationTokenRecord) -> None:
        """Note a delegation token."""
        self.found[TOKENS, record.token_id] = record.token_id

    def remove_token(self, record: RemoveDelegationTokenRecord) -> None:
        """Forget a token that was removed later."""
        self.found.pop((TOKENS, record.token_id), None)

    def refuse(self, folder: str) -> None:
        """Raise ``FolderError`` if there is anything; the message names the first kind."""
        for kind in (ACCESS_RULES, QUOTAS, CREDENTIALS, TOKENS):
            names = [name for (each, _), name in self.found.items() if each is kind]
            if names:
                more = f" and {len(names) - SHOWN_MAX} more" if len(names) > SHOWN_MAX else ""
                raise FolderError(
                    f"{folder} can't be used: its cluster has {kind[0]}, which kstore doesn't have yet "
                    f"({'; '.join(names[:SHOWN_MAX])}{more}): start Apache Kafka on it and remove them with "
                    f"{TOOLS}{kind[1]}, or choose another --data-dir"
                )


RULES: dict[type, Callable[[Leftovers, Any], None]] = {
    AccessControlEntryRecord: Leftovers.add_access,
    RemoveAccessControlEntryRecord: Leftovers.remove_access,
    ClientQuotaRecord: Leftovers.change_quota,
    UserScramCredentialRecord: Leftovers.add_credential,
    RemoveUserScramCredentialRecord: Leftovers.remove_credential,
    DelegationTokenRecord: Leftovers.add_token,
    RemoveDelegationTokenRecord: Leftovers.remove_token,
}
