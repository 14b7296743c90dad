"""Three layers of identity: a finding, its occurrences, and who saw them under which policy.

A batch is checked whole before any of it is written: ids that are not those of their fields, and parents that exist
nowhere, are refused. What is left is folded to one row for each id, so that writing it again adds nothing.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from gossip.engine.identity import finding_id, observation_id, occurrence_id
from gossip.schemas.errors import MisuseError


class BatchError(MisuseError):
    """A batch that may not be written. None of it was."""


@dataclass(frozen=True, slots=True)
class FindingRow:
    """First layer: a secret, under a rule, in an item. No version and no policy, so that triage survives both."""

    id: bytes
    tenant: bytes
    item: bytes
    rule: bytes
    secret_hash: bytes = field(repr=False)

    def derived(self) -> bytes:
        """The id that these fields have."""
        return finding_id(self.tenant, self.item, self.rule, self.secret_hash)


@dataclass(frozen=True, slots=True)
class OccurrenceRow:
    """Second layer: where in which version. `length` is never 0."""

    id: bytes
    finding: bytes
    version: bytes
    offset: int
    length: int

    def derived(self) -> bytes:
        """The id that these fields have. ValueError for a place without length."""
        return occurrence_id(self.finding, self.version, self.offset, self.length)


class Sight(NamedTuple):
    """Who saw an occurrence. Ordered: where an occurrence was seen twice, the later sight stays."""

    seen_at: int
    fence: int
    run: int
    shard: int
    ovid: bytes
    location: str = ""
    """For people; empty: unknown."""


@dataclass(frozen=True, slots=True)
class ObservationRow:
    """Third layer: this policy saw that occurrence. The id stays; the sight may become a later one."""

    id: bytes
    tenant: bytes
    policy: bytes
    occurrence: bytes
    sight: Sight

    def derived(self) -> bytes:
        """The id that these fields have."""
        return observation_id(self.tenant, self.policy, self.occurrence)


class Batch(NamedTuple):
    """Rows of the three layers, in any order."""

    findings: tuple[FindingRow, ...] = ()
    occurrences: tuple[OccurrenceRow, ...] = ()
    observations: tuple[ObservationRow, ...] = ()


def merge_observations(one: ObservationRow, other: ObservationRow) -> ObservationRow:
    """The later sight of two. BatchError if they are not of one observation."""
    if (one.id, one.tenant, one.policy, one.occurrence) != (other.id, other.tenant, other.policy, other.occurrence):
        raise BatchError("two observations that differ in more than who saw them")
    return max(one, other, key=lambda row: row.sight)


def fold(tenant: bytes, batch: Batch, findings: Container[bytes] = (), occurrences: Container[bytes] = ()) -> Batch:
    """The batch with each id once, in the order of first appearance. `findings` and `occurrences` are the ids that are
    durable already. BatchError, before anything is written, for a row of another tenant, an id that is not that of its
    fields, and a row whose parent is neither in the batch nor durable.
    """
    foreign = sum(row.tenant != tenant for row in batch.findings)
    foreign += sum(row.tenant != tenant for row in batch.observations)
    if foreign:
        raise BatchError(f"{foreign} rows of other tenants in a batch of tenant {tenant.hex()}")
    _check_ids("findings", batch.findings)
    _check_ids("occurrences", batch.occurrences)
    _check_ids("observations", batch.observations)
    kept_findings = {row.id: row for row in batch.findings}
    kept_occurrences = {row.id: row for row in batch.occurrences}
    _check_parents("occurrences", (row.finding for row in batch.occurrences), kept_findings, findings)
    _check_parents("observations", (row.occurrence for row in batch.observations), kept_occurrences, occurrences)
    kept: dict[bytes, ObservationRow] = {}
    for row in batch.observations:
        kept[row.id] = merge_observations(kept[row.id], row) if row.id in kept else row
    return Batch(tuple(kept_findings.values()), tuple(kept_occurrences.values()), tuple(kept.values()))


def _check_ids(what: str, rows: Iterable[FindingRow | OccurrenceRow | ObservationRow]) -> None:
    # With ids that are derived, one id with two contents cannot be: this is where such a conflict is refused.
    try:
        wrong = sum(row.id != row.derived() for row in rows)
    except ValueError as err:
        raise BatchError(f"{what}: {err}") from err
    if wrong:
        raise BatchError(f"{wrong} {what} whose id is not that of their fields")


def _check_parents(what: str, parents: Iterable[bytes], ours: Container[bytes], durable: Container[bytes]) -> None:
    orphans = sum(parent not in ours and parent not in durable for parent in parents)
    if orphans:
        raise BatchError(f"{orphans} {what} without what they belong to")
