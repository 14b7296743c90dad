"""The identity spine: domain-separated BLAKE3 ids of items, versions, rules, secrets, findings and occurrences.

Every derivation but one runs BLAKE3 in derive-key mode with its tag as the context. `secret_hash` alone is keyed, with
the tenant's key, and takes its tag as leading data. Variable byte strings carry a u64 little-endian length prefix;
fixed
32-byte values go in raw; integers are u64 little-endian. Golden vectors in the tests pin every derivation.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from blake3 import blake3

if TYPE_CHECKING:
    from collections.abc import Iterable

TAG_ITEM = "gossip/item-id/v1"
TAG_OBJECT_VERSION = "gossip/object-version/v1"
TAG_RULE = "gossip/rule/v1"
TAG_RULES_DIGEST = "gossip/rules-digest/v1"
TAG_POLICY = "gossip/policy-hash/v2"
TAG_SECRET = "gossip/secret-hash/v1"  # noqa: S105 - a domain tag
TAG_FINDING = "gossip/finding/v1"
TAG_OCCURRENCE = "gossip/occurrence/v1"
TAG_OVID = "gossip/persistence/v1/ovid"
TAG_INSTANCE = "gossip/connector-instance-id/v1"
TAG_TENANT = "gossip/tenant/v1"
TAG_NORM = "gossip/norm-hash/v1"
TAG_CACHE = "gossip/cache/v1/program"
TAG_OPEN_KEY = "gossip/open-tenant-key/v1"

TAGS: tuple[str, ...] = tuple(
    sorted(
        (
            TAG_ITEM,
            TAG_OBJECT_VERSION,
            TAG_RULE,
            TAG_RULES_DIGEST,
            TAG_POLICY,
            TAG_SECRET,
            TAG_FINDING,
            TAG_OCCURRENCE,
            TAG_OVID,
            TAG_INSTANCE,
            TAG_TENANT,
            TAG_NORM,
            TAG_CACHE,
            TAG_OPEN_KEY,
        )
    )
)

HASH_BYTES = 32
CONNECTOR_TAG_BYTES = 8
_PRINTABLE = range(0x21, 0x7F)

ID_HASH_KEYED_V1 = 1
POLICY_DERIVATION_VERSION = 1
POLICY_EVIDENCE_VERSION = 1


class Strength(IntEnum):
    """How far the bytes that name an object version can be trusted to change with its content."""

    STRONG = 0
    """A content hash: a blob id, an ETag that is one, a digest."""
    WEAK = 1
    """Size and modification time."""


def derive(tag: str, *parts: bytes) -> bytes:
    """32 bytes of BLAKE3 in derive-key mode over `parts`, concatenated as they are."""
    return blake3(b"".join(parts), derive_key_context=tag).digest()


def var(value: bytes) -> bytes:
    """A variable byte string with its u64 little-endian length in front, so that concatenation is unambiguous."""
    return len(value).to_bytes(8, "little") + value


def u64(value: int) -> bytes:
    """An unsigned 64-bit integer, little-endian."""
    return value.to_bytes(8, "little")


def connector_tag(name: str) -> bytes:
    """The 8-byte connector tag of a short printable ASCII name, padded with NUL. ValueError says which byte is
    wrong.
    """
    raw = name.encode("utf-8", "surrogatepass")
    if not 0 < len(raw) <= CONNECTOR_TAG_BYTES:
        msg = f"connector tag of {len(raw)} bytes: give 1 to {CONNECTOR_TAG_BYTES}"
        raise ValueError(msg)
    for index, byte in enumerate(raw):
        if byte not in _PRINTABLE:
            msg = f"connector tag has a non-graphic byte {byte:#04x} at {index}"
            raise ValueError(msg)
    return raw.ljust(CONNECTOR_TAG_BYTES, b"\0")


def instance_hash(instance: bytes) -> bytes:
    """Hash of what tells one instance of a connector from another: a host, a bucket, a repository's identity."""
    return derive(TAG_INSTANCE, var(instance))


def item_id(connector: str, instance: bytes, locator: bytes) -> bytes:
    """StableItemId of a connector's item. `locator` may not be empty."""
    if not locator:
        msg = "an item needs a locator"
        raise ValueError(msg)
    return derive(TAG_ITEM, connector_tag(connector), instance_hash(instance), var(locator))


def object_version_id(version: bytes) -> bytes:
    """ObjectVersionId of non-empty version bytes."""
    if not version:
        msg = "an object version needs version bytes"
        raise ValueError(msg)
    return derive(TAG_OBJECT_VERSION, var(version))


def ovid_hash(item: bytes, strength: Strength, version_id: bytes) -> bytes:
    """Identity of one version of one item; the same bytes, strong or weak, differ."""
    return derive(TAG_OVID, item, bytes([strength]), version_id)


def norm_hash(secret: bytes) -> bytes:
    """Tenant-agnostic digest of a secret. It never leaves the process: only `secret_hash` of it does."""
    return derive(TAG_NORM, var(secret))


def secret_hash(tenant_key: bytes, norm: bytes) -> bytes:
    """The only key-dependent step: without the tenant's key, nobody can test a guess of the secret."""
    return blake3(TAG_SECRET.encode() + norm, key=tenant_key).digest()


def tenant_id(name: bytes) -> bytes:
    """Identity of a tenant by name."""
    return derive(TAG_TENANT, var(name))


def finding_id(tenant: bytes, item: bytes, rule: bytes, secret: bytes) -> bytes:
    """FindingId of a secret under a rule in an item. Holds no version and no policy, so triage survives both."""
    return derive(TAG_FINDING, tenant, item, rule, secret)


def occurrence_id(finding: bytes, version_id: bytes, offset: int, length: int) -> bytes:
    """OccurrenceId of one place of a finding. `length` may not be zero."""
    if length <= 0 or offset < 0:
        msg = f"an occurrence needs a place: offset {offset}, length {length}"
        raise ValueError(msg)
    return derive(TAG_OCCURRENCE, finding, version_id, u64(offset), u64(length))


def rules_digest(fingerprints: Iterable[bytes]) -> bytes:
    """Digest of a rule set, whatever the order of its rules."""
    return derive(TAG_RULES_DIGEST, *sorted(fingerprints))


def policy_hash(digest: bytes) -> bytes:
    """What decides whether an earlier scan of the same content still counts. No tenant key inside."""
    versions = bytes([POLICY_DERIVATION_VERSION]), bytes([ID_HASH_KEYED_V1]), bytes([POLICY_EVIDENCE_VERSION])
    return derive(TAG_POLICY, *versions, digest)
