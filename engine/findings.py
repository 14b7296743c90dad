"""From matches to findings: identity, redaction, and the gates that need a place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gossip.engine.detect.confidence import Evidence, confidence
from gossip.engine.identity import (
    TenantKey,
    finding_id,
    item_id,
    norm_hash,
    object_version_id,
    occurrence_id,
    tenant_id,
)
from gossip.engine.redact import preview
from gossip.schemas.finding import Finding, Part, level_of
from gossip.schemas.units import Place, Sighting

if TYPE_CHECKING:
    from gossip.engine.detect.detector import Detector
    from gossip.engine.detect.match import Match

_LOCATOR = b"."
"""A target is one item: a finding keeps its identity when the secret moves to another file of it."""

_NOWHERE = b"unreachable\0"


class FindingMaker:
    """Makes the findings of one target. `tenant_key` is 32 bytes."""

    def __init__(self, detector: Detector, tenant: str, tenant_key: bytes, *, show_secrets: bool = False) -> None:
        self._detector = detector
        self._tenant = tenant_id(tenant.encode())
        self._key = TenantKey(tenant_key)
        self._show_secrets = show_secrets

    def sighting(
        self,
        match: Match,
        version: bytes,
        object_id: str,
        container: tuple[str, ...] = (),
    ) -> Sighting:
        """A match as it may leave the worker: hashed and redacted."""
        if container:
            version += b"".join(b"\0" + name.encode("utf-8", "surrogateescape") for name in container)
        return Sighting(
            rule=match.rule,
            secret_hash=self._hash(match.secret),
            preview=preview(match.secret),
            start=match.start,
            end=match.end,
            line=match.line,
            column=match.column,
            end_line=match.end_line,
            end_column=match.end_column,
            version_id=object_version_id(version),
            object_id=object_id,
            pending=match.pending,
            confidence=match.confidence,
            validation=match.validation,
            facts=match.facts,
            decode_path=match.decode_path,
            container_path=container,
            parts=tuple(self._part(part) for part in match.parts),
            secret=match.secret if self._show_secrets else None,
        )

    def _hash(self, secret: bytes) -> bytes:
        return self._key.secret_hash(norm_hash(secret))

    def _part(self, match: Match) -> Part:
        rule = self._detector.rule_set.rules[match.rule]
        hashed = self._hash(match.secret).hex()
        return Part(rule.id, hashed, preview(match.secret), match.line, match.column, match.start, match.end)

    def path_sighting(self, rule: int, path: bytes, object_id: str, pending: tuple[int, ...]) -> Sighting:
        """What a rule without a regex reports: the document itself. Its hash is that of the path."""
        version = object_version_id(path + b"\0" + object_id.encode())
        certain = confidence(self._detector.rule_set.rules[rule], Evidence())
        return Sighting(rule, self._hash(path), "", 0, 0, 1, 1, 1, 1, version, object_id, pending, certain)

    def finding(self, sighting: Sighting, place: Place, target: str, item: bytes) -> Finding | None:
        """The finding at a place, None where the place makes it none."""
        if self._detector.place_rejects(sighting.rule, sighting.pending, place.path, place.commit):
            return None
        rule = self._detector.rule_set.rules[sighting.rule]
        found = finding_id(self._tenant, item, rule.fingerprint, sighting.secret_hash)
        length = max(1, sighting.end - sighting.start)
        # Once a ref leads to it, the same bytes are another occurrence: one with a place.
        version = object_version_id(_NOWHERE + sighting.version_id) if place.unreachable else sighting.version_id
        secret = sighting.secret
        return Finding(
            finding_id=found.hex(),
            occurrence_id=occurrence_id(found, version, sighting.start, length).hex(),
            rule_id=rule.id,
            description=rule.description,
            confidence=sighting.confidence,
            level=level_of(sighting.confidence),
            secret_hash=sighting.secret_hash.hex(),
            preview=sighting.preview,
            target=target,
            path=display_path(place.path),
            start=sighting.start,
            end=sighting.end,
            line=sighting.line,
            column=sighting.column,
            end_line=sighting.end_line,
            end_column=sighting.end_column,
            object_id=sighting.object_id,
            commit=place.commit,
            author=place.author,
            email=place.email,
            date=place.date,
            unreachable=place.unreachable,
            decode_path=sighting.decode_path,
            container_path=sighting.container_path,
            validation=sighting.validation,
            facts=sighting.facts,
            parts=sighting.parts,
            rule_fingerprint=rule.fingerprint.hex(),
            tags=rule.tags,
            secret=None if secret is None else secret.decode("utf-8", "backslashreplace"),
        )


def display_path(path: bytes) -> str:
    """A path for people and for JSON: bytes that are not UTF-8 become `\\xNN`."""
    return path.decode("utf-8", "backslashreplace")


def item_of(connector: str, instance: bytes) -> bytes:
    """StableItemId of a whole target."""
    return item_id(connector, instance, _LOCATOR)
