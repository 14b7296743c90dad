"""The identity spine: domain-separated BLAKE3 ids of items, versions, rules, secrets, findings and occurrences, and the
64-bit ids by which runs and shards are coordinated.

Derivations run BLAKE3 in derive-key mode with their tag as the context. Those that need the tenant's key run in keyed
mode and take their tag as leading data: `secret_hash`, and `tenant_key_id`, which no other id depends on. Variable byte
strings carry a u64 little-endian length prefix; fixed 32-byte values go in raw; integers are u64 little-endian. Golden
vectors in the tests pin every derivation.
"""

from __future__ import annotations

import hmac
from enum import IntEnum
from typing import TYPE_CHECKING, NoReturn

from blake3 import blake3

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TAG_ITEM = "gossip/item-id/v1"
TAG_OBJECT_VERSION = "gossip/object-version/v1"
TAG_UNIT = "gossip/unit-id/v1"
TAG_RULE = "gossip/rule/v1"
TAG_SCAN_POLICY = "gossip/scan-policy/v1"
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
TAG_KEY_ID = "gossip/tenant-key-id/v1"
TAG_OBSERVATION = "gossip/observation/v1"
TAG_TRIAGE_GROUP = "gossip/persistence/v1/triage-group"
TAG_SPLIT_ID = "gossip/coord/v1/split-id"
TAG_OP_ID = "gossip/coord/v1/op-id"
TAG_OP_PAYLOAD = "gossip/coord/v1/op-payload"
TAG_DISPLAY = "gossip/worker/v1/coordination-telemetry"

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
            TAG_KEY_ID,
            TAG_OBSERVATION,
            TAG_TRIAGE_GROUP,
            TAG_SPLIT_ID,
            TAG_OP_ID,
            TAG_OP_PAYLOAD,
            TAG_DISPLAY,
            TAG_UNIT,
            TAG_SCAN_POLICY,
        )
    )
)

HASH_BYTES = 32
CONNECTOR_TAG_BYTES = 8
_PRINTABLE = range(0x21, 0x7F)

ID_HASH_KEYED_V1 = 1
POLICY_DERIVATION_VERSION = 1
POLICY_EVIDENCE_VERSION = 1

DERIVED_SHARD_BIT = 1 << 63
"""Set in the id of every shard that a split made, and in no other."""
_DISPLAY_HASH_BYTES = 4


class Strength(IntEnum):
    """How far the bytes that name an object version can be trusted to change with its content."""

    STRONG = 0
    """A content hash: a blob id, an ETag that is one, a digest."""
    WEAK = 1
    """Size and modification time."""


class SplitKind(IntEnum):
    """What a shard that a split made is to its parent."""

    CHILD = 0
    """One of those that replace it."""
    RESIDUAL = 1
    """What it gave away and no longer covers."""


class TenantKey:
    """The 32-byte secret that keys a tenant's hashes. ValueError if it has another size.

    Compared in constant time; it has no order, no hash and no pickle, and its text never shows it. What crosses
    processes are the raw bytes, in the one place that configures a worker.
    """

    __slots__ = ("_raw",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, raw: bytes) -> None:
        if len(raw) != HASH_BYTES:
            raise ValueError(f"a tenant key has {HASH_BYTES} bytes, not {len(raw)}")
        self._raw = raw

    def __eq__(self, other: object) -> bool:
        return hmac.compare_digest(self._raw, other._raw) if isinstance(other, TenantKey) else NotImplemented

    def __repr__(self) -> str:
        return "TenantKey(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a tenant key is not pickled: hand its bytes to the worker that needs them")

    @property
    def id(self) -> bytes:
        """Tells keys apart without telling anything of them: see `tenant_key_id`."""
        return tenant_key_id(self._raw)

    def secret_hash(self, norm: bytes) -> bytes:
        """`secret_hash` of a NormHash under this key."""
        return secret_hash(self._raw, norm)


def derive(tag: str, *parts: bytes) -> bytes:
    """32 bytes of BLAKE3 in derive-key mode over `parts`, concatenated as they are."""
    return blake3(b"".join(parts), derive_key_context=tag).digest()


def var(value: bytes) -> bytes:
    """A variable byte string with its u64 little-endian length in front, so that concatenation is unambiguous."""
    return len(value).to_bytes(8, "little") + value


def u64(value: int) -> bytes:
    """An unsigned 64-bit integer, little-endian."""
    return value.to_bytes(8, "little")


def derive64(tag: str, *parts: bytes) -> int:
    """The 64-bit form of a derivation: its first eight bytes, little-endian."""
    return int.from_bytes(derive(tag, *parts)[:8], "little")


def opaque(what: str, value: bytes) -> str:
    """Display form of bytes that came out of a connector: what they are, their length, four bytes of their hash."""
    shown = derive(TAG_DISPLAY, var(value))[:_DISPLAY_HASH_BYTES].hex()
    return f"{what} of {len(value)} bytes (#{shown})"


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


def unit_id(item: bytes, kind: str, content: bytes) -> bytes:
    """A unit of work of a target: `content` names what it covers, whatever the size."""
    return derive(TAG_UNIT, item, var(kind.encode()), var(content))


def norm_hash(secret: bytes) -> bytes:
    """Tenant-agnostic digest of a secret. It never leaves the process: only `secret_hash` of it does."""
    return derive(TAG_NORM, var(secret))


def secret_hash(tenant_key: bytes, norm: bytes) -> bytes:
    """The only key-dependent step: without the tenant's key, nobody can test a guess of the secret."""
    return blake3(TAG_SECRET.encode() + norm, key=tenant_key).digest()


def tenant_key_id(tenant_key: bytes) -> bytes:
    """32 bytes that change with the tenant's key and reveal nothing of it: a keyed hash of a constant."""
    return blake3(TAG_KEY_ID.encode(), key=tenant_key).digest()


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


def scan_policy(policy: bytes, options: bytes) -> bytes:
    """The policy of a scan: that of its rules, and the options that decide what they get to see."""
    return derive(TAG_SCAN_POLICY, policy, var(options))


def observation_id(tenant: bytes, policy: bytes, occurrence: bytes) -> bytes:
    """ObservationId: policy P saw occurrence O. Deterministic, so a sink can drop what it has seen."""
    return derive(TAG_OBSERVATION, tenant, policy, occurrence)


def triage_group(tenant: bytes, item: bytes) -> bytes:
    """TriageGroupKey: the findings of one item that people judge together."""
    return derive(TAG_TRIAGE_GROUP, tenant, item)


def done_key(tenant: bytes, key_id: bytes, policy: bytes, ovid: bytes) -> bytes:
    """The done-ledger's key in 128 bytes: a plain concatenation, so that a prefix of it is a range of the ledger.

    No shard inside: the answer must not depend on how the work was cut. `key_id` is `tenant_key_id`: hashes of
    another key cannot be compared with ours, so rows made with it do not answer.
    """
    parts = (tenant, key_id, policy, ovid)
    if any(len(part) != HASH_BYTES for part in parts):
        raise ValueError(f"a ledger key is made of {HASH_BYTES}-byte ids, not {[len(part) for part in parts]}")
    return b"".join(parts)


def derived_shard_id(run: int, parent: int, op: int, kind: SplitKind, index: int) -> int:
    """ShardId of the `index`-th shard spawned by `parent`: a split that is tried again makes the same ids."""
    parts = (u64(run), u64(parent), u64(op), bytes([kind]), u64(index))
    return derive64(TAG_SPLIT_ID, *parts) | DERIVED_SHARD_BIT


def op_id(run: int, shard: int, name: str, ordinal: int, cursor_key: bytes = b"") -> int:
    """OpId from what a replay sees again, never from a clock: operation, last cursor key and a count."""
    return derive64(TAG_OP_ID, u64(run), u64(shard), var(name.encode()), u64(ordinal), var(cursor_key))


def op_payload(name: str, args: Sequence[bytes] = ()) -> int:
    """Fingerprint of an operation's arguments, to tell a retry from another use of its id. Never 0."""
    return derive64(TAG_OP_PAYLOAD, var(name.encode()), *map(var, args)) or 1
