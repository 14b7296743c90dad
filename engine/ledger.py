"""The done-ledger: was this version of this item handled, under this policy, for this tenant?

Rows of one key form a lattice. Merging them is idempotent, commutative and associative, so it does not matter who
writes how often, in which order, or through how many stores; and what was scanned never counts as less again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gossip.engine.identity import HASH_BYTES, Strength, done_key
from gossip.schemas.errors import MisuseError
from gossip.schemas.ledger import CODE, CODE_CHARS_MAX, Status


class LedgerRowError(MisuseError):
    """A row that no scan can have written, or two that are not of one key."""


@dataclass(frozen=True, slots=True)
class LedgerKey:
    """What a row answers for: four 32-byte ids. `key_id` is that of the tenant's key, see `identity.done_key`."""

    tenant: bytes
    key_id: bytes
    policy: bytes
    ovid: bytes

    def __post_init__(self) -> None:
        sizes = [len(part) for part in (self.tenant, self.key_id, self.policy, self.ovid)]
        if sizes != [HASH_BYTES] * 4:
            raise LedgerRowError(f"a ledger key of parts with {sizes} bytes: give four of {HASH_BYTES}")

    def encode(self) -> bytes:
        """128 bytes."""
        return done_key(self.tenant, self.key_id, self.policy, self.ovid)


@dataclass(frozen=True, slots=True, order=True)
class Provenance:
    """Who says so. Ordered: where two rows have one status, the later scan speaks."""

    finished: int
    started: int
    fence: int
    run: int
    shard: int


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One version under one policy. LedgerRowError unless the fields fit the status: a clean scan has no findings, one
    with findings has some, neither has a code; anything else has a code, in 1 to 128 of `A-Za-z0-9 _-.:/`.
    """

    key: LedgerKey
    status: Status
    provenance: Provenance
    bytes: int = 0
    """Content that was read."""
    findings: int = 0
    code: str | None = None
    """Why it was not scanned."""

    def __post_init__(self) -> None:
        if self.bytes < 0 or self.findings < 0:
            raise LedgerRowError(f"a row with {self.bytes} bytes and {self.findings} findings")
        if self.status.scanned:
            with_findings = self.status is Status.SCANNED_WITH_FINDINGS
            if self.code is not None or (self.findings > 0) != with_findings:
                raise LedgerRowError(
                    f"{self.status.name.lower()} with {self.findings} findings and"
                    f" {'no' if self.code is None else 'a'} code"
                )
        elif self.code is None or CODE.fullmatch(self.code) is None:
            raise LedgerRowError(f"{self.status.name.lower()} needs a code of 1 to {CODE_CHARS_MAX} plain characters")


def status_of(rank: int) -> Status:
    """The status with a stored rank. LedgerRowError for an unknown one: the store is damaged, or newer than we are."""
    try:
        return Status(rank)
    except ValueError:
        raise LedgerRowError(f"ledger status {rank} is unknown: damaged, or written by a later version") from None


def merge(one: LedgerRow, other: LedgerRow) -> LedgerRow:
    """The least row that says all that two rows of one key say. LedgerRowError if their keys differ."""
    if one.key != other.key:
        raise LedgerRowError("two ledger rows of different keys have no common answer")
    winner = max(one, other, key=lambda row: (row.status, row.provenance, row.code or ""))
    # Counts of failed reads say nothing about a scan that worked.
    peers = [row for row in (one, other) if row.status is winner.status or not winner.status.scanned]
    return LedgerRow(
        key=winner.key,
        status=winner.status,
        provenance=winner.provenance,
        bytes=max(one.bytes, other.bytes),
        findings=max(row.findings for row in peers),
        code=winner.code,
    )


def merge_all(rows: Iterable[LedgerRow]) -> dict[LedgerKey, LedgerRow]:
    """One row for each key, in the order in which the keys appear."""
    merged: dict[LedgerKey, LedgerRow] = {}
    for row in rows:
        merged[row.key] = merge(merged[row.key], row) if row.key in merged else row
    return merged


@dataclass(frozen=True, slots=True)
class Trust:
    """Which rows, beyond those of scanned content with a strong version, stand for a scan. By default none: content
    that was not seen is looked at again.
    """

    weak_versions: bool = False
    """Content that has the same size and time has not changed."""
    skipped: bool = False
    """What policy left out once, it would leave out again."""
    failed_permanent: bool = False
    """What failed for good is not tried again. Its loss is to be reported all the same."""


SEEN_ONLY = Trust()


def answers(row: LedgerRow | None, key: LedgerKey, strength: Strength, trust: Trust = SEEN_ONLY) -> bool:
    """Whether the scan of a version may be skipped, given the ledger's row for it. What failed in a way that may pass
    is always tried again.
    """
    if row is None or row.key != key or (strength is Strength.WEAK and not trust.weak_versions):
        return False
    if row.status.scanned:
        return True
    return (row.status is Status.SKIPPED and trust.skipped) or (
        row.status is Status.FAILED_PERMANENT and trust.failed_permanent
    )
